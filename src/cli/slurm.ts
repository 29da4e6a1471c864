// llem campaign on a Slurm cluster: submit it, wait for it, cancel it; and what its tasks run.

import { existsSync } from 'node:fs'
import { campaignFolder, openCampaignFolder, readPlan } from '../campaign/folder.js'
import type { CampaignPlan } from '../campaign/plan.js'
import type { CampaignKeys } from '../config/schema-campaign.js'
import { LlemError } from '../core/errors.js'
import { isOnSlurm } from '../slurm/folder.js'
import { EXIT, Exit } from './exit.js'
import { interruptible } from './interrupt.js'
import { print, printJson, SIMULATED, say } from './screen.js'
import { shellWord } from './shell-word.js'

interface SubmitCliOptions {
  resume?: boolean
  forceColdStart?: boolean
  simulate?: string | boolean
  maxKwh?: number
  json?: boolean
  quiet?: boolean
  verbose?: boolean
}

/** Submits what is left of a campaign, and says how to follow it. */
export async function submitOnSlurm(
  plan: CampaignPlan,
  keys: CampaignKeys,
  options: SubmitCliOptions,
): Promise<void> {
  const [{ submitCampaign }, { terminalObserver }, { chooseLibrary }] = await Promise.all([
    import('../slurm/submit.js'),
    import('./progress.js'),
    import('../energy/library.js'),
  ])
  refuseOthers(keys, options)
  const { quiet = false, verbose = false } = options
  const observer = terminalObserver({ quiet, verbose })
  if (chooseLibrary(options.simulate).simulated) observer.note(SIMULATED)
  const dir = await openCampaignFolder(keys.io.results_dir, plan, {
    anew: options.resume === false,
    note: say,
  })
  observer.note(`Campaign folder: ${dir}`)
  const submitted = await interruptible((signal) =>
    submitCampaign(plan, {
      ...{ dir, slurm: keys.slurm, observer, signal },
      simulate: options.simulate ?? false,
      coldStart: options.forceColdStart ?? keys.cold_start.force_cold_start,
    }),
  )
  if (options.json) return printJson({ campaign_dir: dir, ...submitted })
  const { jobs, tasks, runs, queued } = submitted
  const before = queued === 0 ? '' : ` ${queued} more are in the queue already.`
  if (jobs.length === 0) return print(`Nothing to submit.${before || ' All runs are completed.'}`)
  print(
    [
      `Submitted ${runs} runs as ${tasks} tasks: ${jobs.length === 1 ? 'job' : 'jobs'} ${jobs.join(', ')}.${before}`,
      `Look at it:   llem campaign status ${shellWord(dir)}`,
      `Wait for it:  llem campaign wait ${shellWord(dir)}`,
      `End it:       llem campaign cancel ${shellWord(dir)}`,
    ].join('\n'),
  )
}

/** The scripts as they would be submitted. */
export async function showScripts(plan: CampaignPlan, keys: CampaignKeys): Promise<void> {
  const { scriptsOf } = await import('../slurm/submit.js')
  const dir = campaignFolder(keys.io.results_dir, plan)
  const { text, maxArraySize, isKnown } = await scriptsOf(plan, { dir, slurm: keys.slurm })
  if (!isKnown)
    say(`Note: no Slurm answers here; arrays of ${maxArraySize} tasks at most are assumed, its default.`)
  print(text === '' ? '# nothing to submit: all runs are completed' : text.trimEnd())
}

/** Ends all tasks of a campaign. */
export async function campaignCancel(dir: string): Promise<void> {
  refuseLocal(dir)
  const { cancelCampaign } = await import('../slurm/cancel.js')
  const jobs = await cancelCampaign(dir)
  print(
    `Cancelled: ${jobs.length === 0 ? 'nothing was submitted' : jobs.join(', ')}. What is completed is kept.`,
  )
}

/** Waits until nothing of a campaign is in Slurm's queue, and ends as the campaign did. */
export async function campaignWait(
  dir: string,
  { json = false, quiet = false, verbose = false }: { json?: boolean; quiet?: boolean; verbose?: boolean },
): Promise<void> {
  refuseLocal(dir)
  const [{ waitForCampaign }, { terminalObserver }, { campaignStatus }] = await Promise.all([
    import('../slurm/wait.js'),
    import('./progress.js'),
    import('./campaign.js'),
  ])
  const observer = terminalObserver({ quiet, verbose })
  const { manifest } = await interruptible((signal) => waitForCampaign(dir, { observer, signal }), {
    quiet: true,
  })
  await campaignStatus(dir, { json })
  if (manifest.state !== 'completed' || manifest.counts.failed > 0) throw new Exit(EXIT.failed)
}

/** What a task of an array runs. */
export async function campaignTask(dir: string, file: string): Promise<void> {
  const [{ runTask }, { terminalObserver }, { warmestC }, { chooseLibrary }] = await Promise.all([
    import('../slurm/task.js'),
    import('./progress.js'),
    import('../library/campaign-gpus.js'),
    import('../energy/library.js'),
  ])
  const observer = terminalObserver({ quiet: false, verbose: false })
  const failures = await interruptible((signal) =>
    runTask(dir, file, {
      ...{ observer, signal },
      warmestC: (simulate) => warmestC(chooseLibrary(simulate || undefined).libraryPath),
    }),
  )
  if (failures > 0) throw new Exit(EXIT.failed)
}

/** Keeps a campaign whose tasks are in Slurm's queue from being run here at the same time. */
export async function refuseQueued(plan: CampaignPlan, keys: CampaignKeys): Promise<void> {
  const dir = campaignFolder(keys.io.results_dir, plan)
  if (!existsSync(dir) || !isOnSlurm(dir)) return
  const { aliveIn, certainTasks } = await import('../slurm/seen.js')
  const alive = aliveIn(await certainTasks(dir))
  if (alive.size === 0) return
  throw new LlemError(`${alive.size} runs of this campaign are in Slurm's queue`, {
    code: 'CAMPAIGN_RUNNING',
    hint: `Wait for them, or end them: llem campaign cancel ${dir}`,
    kind: 'usage',
  })
}

function refuseLocal(dir: string): void {
  readPlan(dir)
  if (isOnSlurm(dir)) return
  throw new LlemError(`${dir} is no campaign that was submitted to Slurm`, {
    code: 'CAMPAIGN_NOT_SUBMITTED',
    hint: 'A campaign of this machine ends with Ctrl-C where it runs; llem campaign status tells how far it is.',
    kind: 'usage',
  })
}

/** What a campaign of this machine has, and tasks that know nothing of one another cannot. */
function refuseOthers({ daemon, docker }: CampaignKeys, { maxKwh }: SubmitCliOptions): void {
  const what = daemon.enabled
    ? 'a daemon (daemon.enabled)'
    : docker.enabled === true
      ? 'services of Docker (docker.enabled); slurm.container has an image of Apptainer'
      : maxKwh !== undefined
        ? '--max-kwh'
        : null
  if (what === null) return
  throw new LlemError(`--executor slurm does not know ${what}`, {
    code: 'OPTIONS_INVALID',
    hint: 'Leave it away, or run the campaign on this machine.',
    kind: 'usage',
  })
}
