// llem campaign: argv -> configuration -> plan -> what was asked for: look at it, or run it.

import { join } from 'node:path'
import { isRunning } from '../campaign/claim.js'
import { readDaemon } from '../campaign/daemon-file.js'
import { campaignFolder, openCampaignFolder, readPlan, refuseChanged } from '../campaign/folder.js'
import { type Manifest, manifestOf } from '../campaign/manifest.js'
import { roundOrder } from '../campaign/order.js'
import { type CampaignPlan, planOf, summaryOf } from '../campaign/plan.js'
import { RunRecords } from '../campaign/records.js'
import type { CampaignStatistics } from '../campaign/statistics.js'
import { type LoadedCampaign, loadCampaign } from '../config/load-campaign.js'
import { configError } from '../config/problems.js'
import { executionProblems, FIRST_CYCLES, type Structure } from '../config/schema-campaign.js'
import type { DaemonKeys } from '../config/schema-daemon.js'
import { LlemError } from '../core/errors.js'
import { redact } from '../core/redact.js'
import { layerOf } from '../import/import.js'
import { isOnSlurm } from '../slurm/folder.js'
import { showManifest, showPlan, showStatistics } from './campaign-tables.js'
import { daemonKeys, nextRounds, runRounds, showDaemon, showRounds } from './daemon.js'
import { EXIT, Exit, reportError } from './exit.js'
import { interruptible } from './interrupt.js'
import { requireEnergy } from './require-energy.js'
import { isTerminal, print, printJson, SIMULATED, say, screenWidth } from './screen.js'
import { takeForeign } from './tell-import.js'

interface CliOptions {
  resume?: boolean
  forceColdStart?: boolean
  validateOnly?: boolean
  dryRun?: boolean
  cycles?: number
  order?: Structure
  untilCi?: number
  maxKwh?: number
  retryFailed?: boolean
  requireEnergy?: boolean
  daemon?: boolean
  executor?: 'local' | 'slurm'
  simulate?: string | boolean
  json?: boolean
  quiet?: boolean
  yes?: boolean
  verbose?: boolean
}

/** Plans a campaign and, unless it is only to be looked at, runs it. `imported`: what another tool's file says. */
export async function campaign(
  path: string,
  options: CliOptions,
  imported = takeForeign(path, { as: 'campaign', quiet: options.quiet ?? false }),
): Promise<void> {
  const loaded = loadCampaign({ path, ...(imported === null ? {} : { file: layerOf(imported, path) }) })
  if (!loaded.ok) throw configError(loaded.problems)
  const daemon = daemonKeys(loaded.keys.daemon, options.daemon)
  const plan = planOf(overridden(loaded, daemon, options))
  if (!options.quiet) tellPlan(loaded, plan)
  if (options.validateOnly) return await validate(plan, path, loaded, options)
  const { results_dir } = loaded.keys.io
  if (options.resume) refuseChanged(results_dir, plan)
  const { refuseQueued, showScripts, submitOnSlurm } = await import('./slurm.js')
  if (options.executor === 'slurm') {
    const keys = { ...loaded.keys, daemon }
    return await (options.dryRun ? showScripts(plan, keys) : submitOnSlurm(plan, keys, options))
  }
  if (options.dryRun) {
    const dir = campaignFolder(results_dir, plan)
    if (!options.json) return print(await planText(plan, dir, daemon, process.stdout))
    const shown = redact(plan)
    return printJson(daemon.enabled ? { ...shown, next_rounds: nextRounds(daemon) } : shown)
  }
  if (options.resume !== false) await refuseQueued(plan, loaded.keys)
  await runIt(plan, path, daemon, loaded, options)
}

/** Says of each experiment what is in its way; ends as a campaign would that cannot be run. */
async function validate(
  plan: CampaignPlan,
  path: string,
  { keys }: LoadedCampaign & { ok: true },
  options: CliOptions,
): Promise<void> {
  const [
    { describeProblem, preflightOfCampaign, refusalOf },
    { chooseLibrary },
    { terminalObserver },
    { runsInService },
  ] = await Promise.all([
    import('../campaign/preflight.js'),
    import('../energy/library.js'),
    import('./progress.js'),
    import('../executors/choose.js'),
  ])
  const { libraryPath, simulated } = chooseLibrary(options.simulate)
  const { quiet = false, verbose = false } = options
  const observer = terminalObserver({ quiet, verbose })
  if (simulated) observer.note(SIMULATED)
  const isElsewhere = (backend: string) => runsInService(keys.docker, path, backend)
  const found = await interruptible((signal) =>
    preflightOfCampaign(plan, { libraryPath, observer, signal, isElsewhere }),
  )
  const { unserved, problems } = found
  if (options.json) printJson({ ...redact(plan), preflight: found })
  else {
    for (const { experiment, code, message } of unserved.slice(0, MANY))
      say(`Filtered: ${experiment}: ${message} [${code}]`)
    for (const problem of problems.slice(0, MANY))
      say(`Warning: ${describeProblem(problem, plan.experiments.length)}`)
  }
  const refusal = refusalOf(found)
  if (refusal !== null) throw refusal
  const ready = plan.experiments.length - unserved.length
  if (!quiet) say(`${ready} of ${plan.experiments.length} experiments can be run. Nothing was measured.`)
}

/** Says how far a campaign is. */
export async function campaignStatus(dir: string, { json }: { json?: boolean }): Promise<void> {
  const { manifest, problems, plan, records } = await statusOf(dir)
  for (const problem of problems) say(`Note: ${problem}`)
  const { statistics, isSingle } = await statisticsIn(plan, records)
  if (json) {
    const isLong = manifest.entries.length > MANY_ENTRIES
    return printJson({ ...manifest, daemon: readDaemon(dir), statistics }, { isLong })
  }
  print([showManifest(manifest), showDaemon(dir, manifest)].filter((part) => part !== null).join('\n'))
  const table = await showStatistics(statistics, { isSingle })
  if (table !== null) print(`\n${table}`)
}

/** By its folders, and by Slurm where it was submitted there and nobody runs it here. */
async function statusOf(dir: string): Promise<SeenCampaign> {
  if (isOnSlurm(dir) && !(await isRunning(dir))) {
    const [{ slurmStatus }, { terminalObserver }] = await Promise.all([
      import('../slurm/status.js'),
      import('./progress.js'),
    ])
    return await slurmStatus(dir, terminalObserver({ quiet: false, verbose: false }))
  }
  const plan = readPlan(dir)
  return { ...(await manifestOf(dir)), plan, records: new RunRecords(dir, plan, { isLive: true }) }
}

interface SeenCampaign {
  manifest: Manifest
  problems: string[]
  plan: CampaignPlan
  records: RunRecords
}

/** What its cycles come to, as statistics.json has it; of very many experiments without the bootstrap, which only that file has then. */
async function statisticsIn(
  plan: CampaignPlan,
  records: RunRecords,
): Promise<{ statistics: CampaignStatistics; isSingle: boolean }> {
  const { campaignStatistics } = await import('../campaign/statistics.js')
  const isSingle = plan.execution.cycles * records.rounds === 1
  const hasBootstrap = plan.experiments.length <= MANY_ENTRIES
  return { statistics: campaignStatistics(plan, records, { hasBootstrap }), isSingle }
}

async function runIt(
  plan: CampaignPlan,
  path: string,
  daemon: DaemonKeys,
  { keys, experiments }: LoadedCampaign & { ok: true },
  options: CliOptions,
): Promise<void> {
  // Imported here, so that looking at a plan answers at once.
  const [
    { runCampaign },
    { chooseExecutor },
    { terminalObserver },
    { chooseLibrary },
    { openGpuWatch, warmestC },
  ] = await Promise.all([
    import('../campaign/run.js'),
    import('../executors/choose.js'),
    import('./progress.js'),
    import('../energy/library.js'),
    import('../library/campaign-gpus.js'),
  ])
  const dir = await openCampaignFolder(keys.io.results_dir, plan, {
    anew: options.resume === false,
    note: say,
  })
  if (!options.yes) await confirm(plan, dir, daemon)
  const library = chooseLibrary(options.simulate)
  const observer = terminalObserver({ quiet: options.quiet ?? false, verbose: options.verbose ?? false })
  if (library.simulated) observer.note(SIMULATED)
  observer.note(`Campaign folder: ${dir}`)
  const executor = await chooseExecutor(keys.docker, {
    path,
    dir,
    work: experiments,
    note: (text) => observer.note(text),
  })
  const gpus = keys.health_check.enabled
    ? await openGpuWatch(plan, library.libraryPath)
    : { watch: null, reason: 'health_check.enabled is false' }
  const manifest = await interruptible((signal) => {
    const shared = {
      dir,
      executor,
      simulate: options.simulate ?? false,
      restartContainer: keys.cold_start.restart_container,
      coldStart: options.forceColdStart ?? keys.cold_start.force_cold_start,
      retryFailed: options.retryFailed ?? false,
      maxEnergyJ: options.maxKwh === undefined ? null : options.maxKwh * 3.6e6,
      signal,
      warmestC: () => warmestC(library.libraryPath),
      healthCheck: keys.health_check,
      gpus,
    }
    if (!daemon.enabled) return runCampaign(plan, { ...shared, observer })
    const { quiet = false, verbose = false } = options
    return runRounds(plan, { ...shared, daemon }, { quiet, verbose })
  })
    .catch(async (error: unknown) => {
      // A signal is the usual end of a daemon, and no reason to keep quiet about joules that its rounds have lost.
      if (daemon.enabled && options.requireEnergy) await requireEnergyUntil(error, dir, options)
      throw error
    })
    .finally(() => gpus.watch?.close())
  const { statistics, isSingle } = await statisticsIn(plan, new RunRecords(dir, plan, { isLive: false }))
  const { cycles } = plan.execution
  if (options.json) printJson({ ...manifest, campaign_dir: dir, cycles, statistics })
  else {
    const parts = [showManifest(manifest), await showStatistics(statistics, { isSingle })]
    print(parts.filter((part) => part !== null).join('\n\n'))
  }
  if (options.requireEnergy) requireAllEnergy(manifest)
  // A daemon whose time is over has done what it should, whatever became of its rounds: it is not to be started again.
  if (daemon.enabled) return
  if (manifest.state === 'paused' || manifest.counts.failed > 0) throw new Exit(EXIT.failed)
}

/** Ends with exit code 1 where a completed run has no energy. */
function requireAllEnergy({ without_energy: lost, without_energy_reason: reason, counts }: Manifest): void {
  if (lost === 0) return
  requireEnergy(null, `${lost} of ${counts.completed} completed runs have none: ${reason ?? 'unknown'}`)
}

/** The same for a campaign that was interrupted, which is told first. */
async function requireEnergyUntil(
  error: unknown,
  dir: string,
  { verbose = false }: CliOptions,
): Promise<void> {
  if (!(error instanceof LlemError) || error.code !== 'INTERRUPTED') return
  const { manifest } = await manifestOf(dir)
  if (manifest.without_energy === 0) return
  reportError(error, verbose)
  requireAllEnergy(manifest)
}

/** The campaign with what was typed laid over its file. */
function overridden(
  loaded: LoadedCampaign & { ok: true },
  daemon: DaemonKeys,
  { cycles, order, untilCi }: CliOptions,
): LoadedCampaign & { ok: true } {
  const { execution } = loaded.keys
  const isUntil = untilCi !== undefined
  // The few cycles of a file that knew no interval are no limit that anybody meant.
  const most = isUntil && execution.cycles < FIRST_CYCLES ? UNTIL_CYCLES : execution.cycles
  const changed = {
    ...execution,
    cycles: cycles ?? most,
    structure: order ?? execution.structure,
    until_ci_pct: isUntil ? 100 * untilCi : execution.until_ci_pct,
  }
  const [problem] = executionProblems({ execution: changed, daemon })
  if (problem !== undefined)
    throw new LlemError(problem.message, {
      code: 'OPTIONS_INVALID',
      hint: daemon.enabled
        ? 'Leave --until-ci away, or add --no-daemon.'
        : 'Give --cycles 100, or leave it away.',
      kind: 'usage',
    })
  return { ...loaded, keys: { ...loaded.keys, execution: changed } }
}

function tellPlan({ notes }: LoadedCampaign & { ok: true }, plan: CampaignPlan): void {
  for (const note of notes) say(`Note: ${note}.`)
  for (const { own, reason } of plan.filtered.slice(0, MANY))
    say(`Filtered: ${JSON.stringify(redact(own))}: ${reason}`)
  for (const warning of plan.warnings.slice(0, MANY)) say(`Warning: ${warning}`)
  const untold = Math.max(0, plan.filtered.length - MANY) + Math.max(0, plan.warnings.length - MANY)
  if (untold > 0) say(`... and ${untold} more; --validate-only --json has them all`)
  say(summaryOf(plan))
}

/** The most cycles of --until-ci where nobody says. */
const UNTIL_CYCLES = 100

const MANY = 20
/** More than a person reads: what takes seconds is left out, and JSON has no blanks. */
const MANY_ENTRIES = 500

/** What is left to run, or what the next round of a daemon would run, and when. */
async function planText(
  plan: CampaignPlan,
  dir: string,
  daemon: DaemonKeys,
  stream: NodeJS.WriteStream,
): Promise<string> {
  const records = new RunRecords(dir, plan, { isLive: false, ...(daemon.enabled ? { isDaemon: true } : {}) })
  const width = screenWidth(stream)
  if (!daemon.enabled) return await showPlan(plan, records, { width })
  const runs = [...roundOrder(plan, records.rounds + 1)]
  return `${await showPlan(plan, records, { runs, width })}\n${showRounds(daemon)}`
}

/** A campaign may take days, so a person at a terminal is asked. */
async function confirm(plan: CampaignPlan, dir: string, daemon: DaemonKeys): Promise<void> {
  if (!isTerminal(process.stderr) || process.stdin.isTTY !== true) return
  const { createInterface } = await import('node:readline/promises')
  say(await planText(plan, dir, daemon, process.stderr))
  const ask = createInterface({ input: process.stdin, output: process.stderr })
  // Ctrl-C and Ctrl-D reject.
  const answer = await ask
    .question('Run it? [Y/n] ')
    .catch(() => null)
    .finally(() => ask.close())
  // The cursor is still behind the question.
  if (answer === null) say('')
  if (answer === null || !/^(y|yes)?$/i.test(answer.trim()))
    throw new LlemError('The campaign was not run.', {
      code: 'INTERRUPTED',
      hint: `Its plan is in ${join(dir, 'plan.json')}.`,
    })
}
