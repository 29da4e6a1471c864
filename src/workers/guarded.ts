import { existsSync } from 'node:fs'

const SHELL = '/bin/sh'
/** After its stdin closes a program has so long to end by itself. */
const PATIENCE_S = 4
/**
 * Beside the program, in its process group, something waits for the end of stdin, which is the end of llem, however it
 * ends; then it ends the group. The program's own words are arguments here, which the shell does not read.
 */
const SCRIPT = `exec 3<&0; (trap '' TERM; cat; sleep ${PATIENCE_S}; kill -KILL 0) <&3 >/dev/null 2>&1 3<&- & exec "$@" 3<&-`

/**
 * A command that ends when llem does, also one that looks at nothing and where llem is killed; where the machine has no
 * shell it is the command itself, which ends when it prints next.
 */
export function guarded(command: readonly string[]): { command: string; args: string[] } {
  const [program = '', ...args] = command
  if (!existsSync(SHELL)) return { command: program, args }
  return { command: SHELL, args: ['-c', SCRIPT, 'llem', program, ...args] }
}

/** How a shell says that a program is not there, or cannot be started. */
export function isNotStarted(exitCode: number | null): boolean {
  return exitCode === 126 || exitCode === 127
}
