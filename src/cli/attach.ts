// llem attach: a benchmark as it is, under the meter of `llem exec`; then its own results beside their joules.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { anchorNow } from '../attach/clock.js'
import { type Before, lookBefore, toolOf } from '../attach/find-results.js'
import { Printed } from '../attach/printed.js'
import type { ExecResult } from '../results/exec.js'
import { type CommandEnd, runCommand } from './command.js'
import { type ExecOptions, measureInManner } from './exec.js'
import { say } from './screen.js'
import { attachedLines } from './show-attached.js'

export async function attachCommand(args: readonly string[], options: ExecOptions): Promise<void> {
  const printed = readsOutput(args) ? new Printed() : null
  // Requests are pieces of the readings, which are kept until they have been cut.
  const scratch = options.outputDir === undefined ? mkdtempSync(join(tmpdir(), 'llem-attach-')) : null
  try {
    let begin = anchorNow()
    let before: Before | null = null
    await measureInManner(args, options, {
      label: 'attach',
      scratch,
      run: () => {
        before = lookBefore(args)
        begin = anchorNow()
        return runCommand(args, {
          stdoutToStderr: options.json ?? false,
          onStdout: printed === null ? undefined : (chunk) => printed.take(chunk),
        })
      },
      complete: async (result: ExecResult, dir: string | null, ended: CommandEnd) => {
        const end = anchorNow()
        const late = setTimeout(() => {
          if (!options.quiet) say('Reading what the benchmark wrote (up to some seconds for large files) ...')
        }, 1000)
        await ended.allRead()
        const { attach } = await import('../attach/attach.js')
        const isKept = scratch === null
        const ran = {
          args,
          result,
          dir: dir ?? '.',
          isKept,
          printed,
          before: before ?? lookBefore(args),
          begin,
          end,
        }
        const attached = await attach(ran).finally(() => clearTimeout(late))
        const paths = isKept ? {} : { timeseries_path: null, samples_path: null }
        return { ...result, ...paths, attached }
      },
      lines: ({ attached }) => (attached === undefined ? [] : attachedLines(attached)),
    })
  } finally {
    if (scratch !== null) rmSync(scratch, { recursive: true, force: true })
  }
}

/**
 * Whether what it prints may be its result. A benchmark that writes a file keeps the terminal as it is, which it may draw on;
 * one that is not known keeps a terminal too.
 */
function readsOutput(args: readonly string[]): boolean {
  const tool = toolOf(args)
  return tool === 'llama-bench' || (tool === null && process.stdout.isTTY !== true)
}
