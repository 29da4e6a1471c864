// llem exec --runs: command lines -> rounds, measured one by one by one sampler -> a comparison -> a table, files, an exit code.

import { accessSync, constants, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import { listedProblems } from '../core/foreign-text.js'
import { learnSecrets, maskedJson } from '../core/secrets.js'
import { chooseLibrary } from '../energy/library.js'
import { type Commands, commandsOf } from '../exec/commands.js'
import { csvOfRuns, markdownOfRuns } from '../exec/exports.js'
import { closeMeter, openMeter, readyToMeasure } from '../exec/meter.js'
import { type RoundsPlan, runRounds } from '../exec/run-rounds.js'
import { type RunsSummary, summaryOf } from '../exec/summary.js'
import { EXEC_RUNS_FILE } from '../results/exec.js'
import {
  createRunDir,
  newExperimentId,
  prepareOutputDir,
  writeBytesAtomically,
  writeJsonAtomically,
} from '../results/files.js'
import { isFolder } from '../results/find.js'
import type { ExecOptions } from './exec.js'
import type { RunsOptions } from './exec-options.js'
import { EXIT, Exit } from './exit.js'
import { externalOf } from './external-option.js'
import { interruptible } from './interrupt.js'
import { terminalObserver } from './progress.js'
import { requireEnergy } from './require-energy.js'
import { print, printJson, SIMULATED, say } from './screen.js'
import { runsText } from './show-exec-runs.js'

const DEFAULT_SEED = 42

/** Ends with exit code 0 where all ran well, 1 where a command failed, 130 where it was interrupted; what was measured is told before. */
export async function execRuns(
  lines: readonly string[],
  options: ExecOptions & RunsOptions & { runs: number },
): Promise<void> {
  const { runs, warmup = 0, seed = DEFAULT_SEED, json = false, quiet = false, verbose = false } = options
  const commands = checked(lines, options)
  for (const args of argumentsIn(commands)) learnSecrets(args)
  const outputDir = options.outputDir === undefined ? null : prepareOutputDir(options.outputDir)
  const plan: RoundsPlan = {
    ...commands,
    ...{ runs, warmup, seed },
    ignoresFailure: options.ignoreFailure ?? false,
    showsOutput: options.showOutput ?? false,
  }
  const meter = await openMeter(
    { ...options, external: externalOf(options.external) },
    chooseLibrary(options.simulate),
    quiet ? undefined : say,
  )
  if (!quiet) for (const note of meter.opened?.notes ?? []) say(`Note: ${note}.`)
  if (!quiet && meter.why !== null)
    say(meter.cpu === null ? `Energy: unknown. ${meter.why}` : `Energy: of the CPU, by RAPL. ${meter.why}`)
  const observer = terminalObserver({ quiet, verbose })
  const { summary, failure } = await interruptible(async (signal) => {
    const dir = outputDir === null ? null : createRunDir(outputDir, newExperimentId('exec'))
    await readyToMeasure(meter)
    const place = { dir, keepsSamples: options.fullRate ?? true }
    const outcome = await runRounds(plan, place, { meter, observer, signal })
    return { summary: summaryOf(plan, outcome, meter, dir), failure: outcome.failure }
  }).finally(() => closeMeter(meter))
  const unwritten = await writeFiles(summary, options)
  if (json) printJson(summary)
  else if (!quiet) {
    if (summary.simulated) say(SIMULATED)
    print(runsText(summary))
  }
  if (unwritten !== null) throw unwritten
  if (failure !== null) throw failure.error
  if (summary.interrupted) throw new Exit(EXIT.interrupted)
  if (options.requireEnergy) requireEnergy(lowestJ(summary), summary.energy_reason)
}

/** Of everything that is started. */
function argumentsIn({ commands, setup, cleanup }: Commands): string[][] {
  return [...commands.flatMap(({ args, prepare }) => [args, prepare ?? []]), ...setup, ...cleanup]
}

/** Everything that is wrong, before anything runs. */
function checked(lines: readonly string[], options: ExecOptions & RunsOptions): Commands {
  const problems: string[] = []
  if (options.fullRate && options.outputDir === undefined)
    problems.push('--full-rate has no folder to write samples.parquet to: name one with -o')
  const files = exportsOf(options)
  for (const { option, path } of files) {
    const problem = whyNotWritable(path)
    if (problem !== null) problems.push(`${option} ${path}: ${problem}`)
  }
  const paths = files.map(({ path }) => resolve(path))
  if (new Set(paths).size < paths.length) problems.push('two exports go to the same file')
  const commands = commandsOf(
    {
      lines,
      parameters: options.parameterList ?? [],
      prepare: options.prepare ?? [],
      setup: options.setup,
      cleanup: options.cleanup,
      names: options.commandName ?? [],
      readBy: shellOf(options),
    },
    problems,
  )
  if (commands !== null && problems.length === 0) return commands
  const [only] = problems
  const message =
    problems.length === 1 ? (only as string) : `${problems.length} problems:\n${listedProblems(problems)}`
  throw new LlemError(message, {
    code: 'OPTIONS_INVALID',
    hint: 'Nothing was run. See `llem exec --help`.',
    kind: 'usage',
  })
}

/** What reads the command lines; null: nobody, which hyperfine calls "none". */
function shellOf(options: RunsOptions): string | null {
  const typed = options.shell ?? false
  if (typed === false || typed === 'none') return null
  return typed === true ? 'sh' : typed
}

interface Export {
  option: string
  path: string
  text: (summary: RunsSummary) => string
}

function exportsOf({ exportJson, exportCsv, exportMarkdown }: RunsOptions): Export[] {
  const all: [string, string | undefined, Export['text']][] = [
    ['--export-json', exportJson, (summary) => `${maskedJson(summary, 2)}\n`],
    ['--export-csv', exportCsv, csvOfRuns],
    ['--export-markdown', exportMarkdown, (summary) => markdownOfRuns(summary, notesOf(summary))],
  ]
  return all.flatMap(([option, path, text]) => (path === undefined ? [] : [{ option, path, text }]))
}

/** What a table alone would not say. */
function notesOf({ simulated, findings }: RunsSummary): string[] {
  const ofCpu = findings.filter(({ code }) => code === 'energy_of_cpu').map(({ text }) => text)
  return [...(simulated ? [SIMULATED] : []), ...ofCpu]
}

/** An hour of measuring must not end at a file that cannot be written. */
function whyNotWritable(path: string): string | null {
  const folder = dirname(resolve(path))
  if (isFolder(path)) return 'it is a folder'
  if (!isFolder(folder)) return `there is no folder ${folder}`
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) accessSync(path, constants.W_OK)
    return null
  } catch (error) {
    return messageOf(error)
  }
}

/** Writes what was asked for, also of what ended early; a file that cannot be written costs no other. */
async function writeFiles(summary: RunsSummary, options: RunsOptions): Promise<unknown> {
  let failed: unknown = null
  const attempt = async (work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      failed ??= error
    }
  }
  const { result_dir: dir } = summary
  if (dir !== null) await attempt(() => writeJsonAtomically(join(dir, EXEC_RUNS_FILE), movable(summary)))
  // A table without rows would only replace the one of last time.
  if (summary.results.length > 0)
    for (const { path, text } of exportsOf(options))
      await attempt(() => writeBytesAtomically(path, text(summary)))
  return failed
}

/** In the folder itself paths are relative to it, so that it may be moved. */
function movable(summary: RunsSummary): RunsSummary {
  const results = summary.results.map((result) => ({
    ...result,
    result_dirs: result.result_dirs.map((each) =>
      each === null ? null : join(basename(dirname(each)), basename(each)),
    ),
  }))
  return { ...summary, results, result_dir: '.' }
}

/** Null where a run, or all, has none. */
function lowestJ({ results }: RunsSummary): number | null {
  const all = results.flatMap(({ energies_j }) => energies_j)
  const known = all.filter((each) => each !== null)
  return known.length === 0 || known.length < all.length ? null : Math.min(...known)
}
