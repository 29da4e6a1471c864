// llem exec: sampler opens -> window begins -> the command runs -> window ends -> result.

import { rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import { chooseLibrary } from '../energy/library.js'
import { closeMeter, type MeterWishes, openMeter, readyToMeasure } from '../exec/meter.js'
import type { ExecResult } from '../results/exec.js'
import { createRunDir, newExperimentId, prepareOutputDir, writeJsonAtomically } from '../results/files.js'
import { type CommandEnd, runCommand } from './command.js'
import { Exit } from './exit.js'
import { requireEnergy } from './require-energy.js'
import { isTerminal, printJson, say, screenWidth } from './screen.js'

export interface ExecOptions extends Omit<MeterWishes, 'external'> {
  /** Meters outside of the GPUs, as they were typed. */
  external?: string[]
  outputDir?: string
  /** Whether samples.parquet is kept; by default it is, where there is a folder. */
  fullRate?: boolean
  simulate?: string | boolean
  json?: boolean
  quiet?: boolean
  verbose?: boolean
}

/** What is done with a command beside measuring it; the defaults of each are `llem exec`. */
export interface Manner {
  /** Of the folder. */
  label: 'exec' | 'attach'
  run: () => Promise<CommandEnd>
  /** Where the files of a run go that has no folder. */
  scratch: string | null
  /** Completes the result in the folder, where there is one. */
  complete: (result: ExecResult, dir: string | null, ended: CommandEnd) => Promise<ExecResult>
  /** What is told after the energy. */
  lines: (result: ExecResult) => string[]
}

/**
 * Measures a command. Always ends with its exit code, but for one that could not be started and, with --require-energy, a
 * measurement that was lost.
 */
export async function exec(args: readonly string[], options: ExecOptions): Promise<void> {
  if (options.fullRate && options.outputDir === undefined)
    throw new LlemError('--full-rate has no folder to write samples.parquet to', {
      code: 'USAGE',
      hint: 'Name one, as in `llem exec -o results --full-rate -- COMMAND`.',
      kind: 'usage',
    })
  await measureInManner(args, options, {
    label: 'exec',
    run: () => runCommand(args, { stdoutToStderr: options.json ?? false }),
    scratch: null,
    complete: async (result) => result,
    lines: () => [],
  })
}

/** The same for a command that is looked at in another way besides. */
export async function measureInManner(
  args: readonly string[],
  options: ExecOptions,
  { label, run, scratch, complete, lines: more }: Manner,
): Promise<void> {
  const outputDir = options.outputDir === undefined ? null : prepareOutputDir(options.outputDir)
  const external =
    options.external === undefined ? [] : (await import('./external-option.js')).externalOf(options.external)
  const meter = await openMeter(
    { ...options, external },
    chooseLibrary(options.simulate),
    options.quiet ? undefined : say,
  )
  const { opened } = meter
  try {
    if (!options.quiet) for (const note of opened?.notes ?? []) say(`Note: ${note}.`)
    // What is needed from here on is loaded while the first readings are taken.
    const [{ measureCommand }, { execLines }] = await Promise.all([
      import('../exec/measured-command.js'),
      import('./show-exec.js'),
      readyToMeasure(meter),
    ])
    const runDir = outputDir === null ? null : createRunDir(outputDir, newExperimentId(label))
    const dir = runDir ?? scratch
    const measured = await measureCommand(meter, {
      command: args,
      runDir: dir,
      keepsSamples: options.fullRate ?? true,
      run,
    }).catch(async (error: unknown) => {
      // Closing drops the window and its files, so that nothing of a run that was none stays behind.
      await closeMeter(meter)
      if (runDir !== null) removed(runDir)
      throw error
    })
    if (measured === null) throw new Error('a command that nothing interrupts was interrupted')
    const { ended } = measured
    const result = await complete(measured.result, dir, ended)
    if (runDir !== null) await writeResult(join(runDir, 'result.json'), result)
    if (options.json) printJson({ ...result, result_dir: runDir })
    else if (!options.quiet) {
      const lines = execLines(result, runDir, {
        verbose: options.verbose ?? false,
        width: screenWidth(process.stderr),
      })
      if (ended.wasTyped() && isTerminal(process.stderr)) say('')
      say([...lines, ...more(result)].join('\n'))
    }
    const { energy, energy_reason: reason } = result
    if (options.requireEnergy) requireEnergy(energy?.total_j ?? null, reason ?? energy?.reason ?? null)
    throw new Exit(ended.exitCode)
  } finally {
    await closeMeter(meter)
  }
}

/** An empty folder that stays says less than why the command did not start. */
function removed(dir: string): void {
  try {
    rmdirSync(dir)
  } catch {
    // It is told by its emptiness.
  }
}

async function writeResult(path: string, result: unknown): Promise<void> {
  try {
    await writeJsonAtomically(path, result)
  } catch (error) {
    say(`llem: ${messageOf(error)} ${error instanceof LlemError ? (error.hint ?? '') : ''}`.trimEnd())
  }
}
