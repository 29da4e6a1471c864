// llem run: argv -> configuration -> experiment -> screen.

import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { configHash } from '../config/config-hash.js'
import { loadExperimentConfig } from '../config/load.js'
import type { FlagValue } from '../config/overrides.js'
import { configError } from '../config/problems.js'
import type { ExperimentConfig } from '../config/schema.js'
import { LlemError } from '../core/errors.js'
import { redact } from '../core/redact.js'
import type { ExperimentOutcome } from '../experiment/run.js'
import { layerOf } from '../import/import.js'
import type { Imported } from '../import/reading.js'
import { EXIT, Exit } from './exit.js'
import { interruptible } from './interrupt.js'
import { requireEnergy } from './require-energy.js'
import { print, printJson, SIMULATED, say } from './screen.js'
import { refuseForStudy, takeForeign } from './tell-import.js'

interface CliOptions {
  model?: string
  backend?: string
  nPrompts?: string
  outputDir?: string
  set?: string[]
  simulate?: string | boolean
  dryRun?: boolean
  validateOnly?: boolean
  requireEnergy?: boolean
  json?: boolean
  quiet?: boolean
  verbose?: boolean
}

/** Runs one experiment; with --dry-run only checks what it would be, and with --validate-only whether it could be. */
export async function run(argument: string | undefined, typed: CliOptions, command: Command): Promise<void> {
  const { path, options } = untangle(argument, typed)
  if (path === undefined && options.model === undefined && !options.set?.length && !process.env.LLEM_MODEL) {
    say('llem: give a configuration file or a model, as in `llem run -m model.gguf`. [USAGE]\n')
    command.outputHelp({ error: true })
    throw new Exit(EXIT.usage)
  }
  if (path !== undefined && options.model === undefined) refuseModel(path)
  const imported = path === undefined ? null : takeForeign(path, { quiet: options.quiet ?? false })
  if (path !== undefined && imported?.kind === 'campaign') return await runStudy(path, imported, options)
  const loaded = loadExperimentConfig({
    ...(path === undefined ? {} : imported === null ? { path } : { file: layerOf(imported, path) }),
    sets: options.set ?? [],
    flags: flagsOf(options),
    env: process.env,
  })
  if (!loaded.ok) throw configError(loaded.problems)
  if (options.requireEnergy && loaded.config.energy.backend === null)
    throw new LlemError('--require-energy asks for energy, and energy.backend is null', {
      code: 'USAGE',
      hint: 'Set energy.backend to auto, or leave --require-energy out.',
      kind: 'usage',
    })
  if (options.dryRun) await showPlan(loaded.config, options.json ?? false)
  else if (options.validateOnly) await validate(loaded.config, options)
  else await measure(loaded.config, options)
}

/** A study of another tool is a campaign. */
async function runStudy(path: string, imported: Imported, options: CliOptions): Promise<void> {
  const flags = Object.values(flagsOf(options)).filter(({ value }) => value !== undefined)
  refuseForStudy(path, [...flags.map(({ flag }) => flag), ...(options.set?.length ? ['--set'] : [])])
  if (!options.quiet)
    say(`Note: it has several experiments, so that it is run as a campaign: llem campaign ${path}`)
  const { campaign } = await import('./campaign.js')
  await campaign(path, options, imported)
}

/** In `llem run model.gguf` a model stands where the configuration does. */
function refuseModel(path: string): void {
  const isModel = /\.gguf$/i.test(path)
  if (!isModel && (existsSync(path) || /\.(ya?ml|json)$/i.test(path))) return
  throw new LlemError(
    isModel
      ? `${path} is a model, which is given with -m`
      : `there is no file ${path}; a model is given with -m`,
    {
      code: 'USAGE',
      hint: `Run: llem run -m ${path}`,
      kind: 'usage',
    },
  )
}

/** In `llem run --simulate experiment.yaml` the file is the experiment: scenarios are JSON. */
function untangle(
  path: string | undefined,
  options: CliOptions,
): { path: string | undefined; options: CliOptions } {
  const { simulate } = options
  if (path !== undefined || typeof simulate !== 'string' || !/\.ya?ml$/i.test(simulate))
    return { path, options }
  return { path: simulate, options: { ...options, simulate: true } }
}

async function measure(config: ExperimentConfig, options: CliOptions): Promise<void> {
  // Imported here, so that a dry run and a bad configuration answer at once.
  const [{ runExperiment, UnsavedResultError }, { chooseLibrary }, { terminalObserver }, { showResult }] =
    await Promise.all([
      import('../experiment/run.js'),
      import('../energy/library.js'),
      import('./progress.js'),
      import('./show-result.js'),
    ])
  const library = chooseLibrary(options.simulate)
  const observer = terminalObserver({ quiet: options.quiet ?? false, verbose: options.verbose ?? false })
  if (library.simulated) observer.note(SIMULATED)
  const show = ({ result, runDir }: ExperimentOutcome) => {
    if (options.json) printJson({ ...result, result_dir: runDir })
    else print(showResult(result, runDir))
  }
  try {
    const outcome = await interruptible((signal) => runExperiment(config, { ...library, observer, signal }))
    show(outcome)
    if (options.requireEnergy) requireEnergy(outcome.result.total_energy_j, outcome.result.energy_reason)
  } catch (error) {
    // An hour of measuring is not lost because the disk is full.
    if (error instanceof UnsavedResultError) show(error.outcome)
    throw error
  }
}

/** Says what is there and what is in the way; ends as the experiment would that cannot be. */
async function validate(config: ExperimentConfig, options: CliOptions): Promise<void> {
  const [{ preflightOf }, { allOf }, { chooseLibrary }, { terminalObserver }] = await Promise.all([
    import('../experiment/preflight/ready.js'),
    import('../experiment/preflight/report.js'),
    import('../energy/library.js'),
    import('./progress.js'),
  ])
  const { libraryPath, simulated } = chooseLibrary(options.simulate)
  const observer = terminalObserver({ quiet: options.quiet ?? false, verbose: options.verbose ?? false })
  if (simulated) observer.note(SIMULATED)
  const report = await interruptible((signal) => preflightOf(config, { libraryPath, observer, signal }))
  if (options.json) printJson({ ready: report.problems.length === 0, ...report })
  else if (report.seen.length > 0)
    print(report.seen.map(({ check, text }) => `  ${check.padEnd(8)} ${text}`).join('\n'))
  const [first, ...others] = report.problems
  if (first === undefined) return say('Everything that the experiment needs is there. Nothing was measured.')
  const { message, code, hint, kind } = first
  throw others.length === 0 ? new LlemError(message, { code, hint, kind }) : allOf(report.problems)
}

async function showPlan(config: ExperimentConfig, json: boolean): Promise<void> {
  if (json) {
    printJson({ config_hash: configHash(config), config: redact(config) })
    return
  }
  const { stringify } = await import('yaml')
  print(stringify(redact(config)).trimEnd())
  say(`The configuration is valid (hash ${configHash(config).slice(0, 12)}). Nothing was measured.`)
}

function flagsOf(options: CliOptions): Record<string, FlagValue> {
  return {
    model: { flag: '-m', value: options.model },
    backend: { flag: '-b', value: options.backend },
    n_prompts: { flag: '-n', value: options.nPrompts },
    output_dir: { flag: '-o', value: options.outputDir },
  }
}
