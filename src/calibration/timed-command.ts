import { LlemError } from '../core/errors.js'
import { KeptOutput, runGroup } from '../workers/command-group.js'

/**
 * Runs a command to its end and answers how many seconds it took; null when it was aborted, which ends it and all that
 * it started. Throws COMMAND_NOT_STARTED, and COMMAND_FAILED with the end of what it printed.
 */
export async function timeCommand(
  command: readonly string[],
  { verbose, signal }: { verbose: boolean; signal: AbortSignal },
): Promise<number | null> {
  const output = new KeptOutput()
  try {
    const stream = verbose ? 2 : output.file
    const ended = await runGroup(command, { stdout: stream, stderr: stream, signal })
    if (ended === null) return null
    if (ended.exitCode !== 0) throw failed(ended.exitCode, verbose ? '' : output.tail())
    return ended.tookS
  } finally {
    output.close()
  }
}

function failed(exitCode: number, tail: string): LlemError {
  return new LlemError(`The command failed with exit code ${exitCode}${tail === '' ? '.' : `:\n${tail}`}`, {
    code: 'COMMAND_FAILED',
    hint: 'Only a command that succeeds each time can be compared with itself; try it alone first.',
  })
}
