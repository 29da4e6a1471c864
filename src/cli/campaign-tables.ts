import { boardsText } from '../campaign/boards.js'
import { type Estimate, estimateOf } from '../campaign/estimate.js'
import type { Manifest, ManifestEntry } from '../campaign/manifest.js'
import type { PlannedRun } from '../campaign/order.js'
import type { CampaignPlan } from '../campaign/plan.js'
import type { RunRecords } from '../campaign/records.js'
import type { CampaignStatistics, ExperimentStatistics } from '../campaign/statistics.js'
import { listedNames } from '../core/foreign-text.js'
import { durationText } from './screen.js'
import { columns } from './tables.js'

/** More lines than a person reads. */
const MANY = 30

/** The order of the runs that are left, the gaps, and an estimate, for a screen of that width. */
export async function showPlan(
  plan: CampaignPlan,
  records: RunRecords,
  { runs = [...records.runs()], width }: { runs?: readonly PlannedRun[] | undefined; width: number },
): Promise<string> {
  const left = runs.filter((run) => records.of(run).status !== 'completed')
  const rows = left.slice(0, MANY).map(({ experiment, cycle }, index) => {
    return [
      String(index + 1),
      String(cycle),
      plan.experiments[experiment]?.name ?? '',
      records.of({ experiment, cycle }).status,
    ]
  })
  const more = left.length > MANY ? `\n... and ${left.length - MANY} more` : ''
  const { structure, seed, cycles, config_gap_seconds, cycle_gap_seconds, gap_until } = plan.execution
  const gaps =
    gap_until === null
      ? `${config_gap_seconds}s between experiments, ${cycle_gap_seconds}s between cycles`
      : `until the GPUs are at ${gap_until.temperature_c}C, at most ${gap_until.max_seconds}s`
  return [
    columns(['#', 'cycle', 'experiment', 'status'], rows, [0, 1], width) + more,
    '',
    `Order: ${structure}${structure === 'shuffled' ? ` (seed ${seed})` : ''}, ${cycles} ${cycles === 1 ? 'cycle' : 'cycles'}. Gaps: ${gaps}.`,
    estimateText(estimateOf(plan, records, runs)),
  ].join('\n')
}

function estimateText({ runs, known, gaps_s, runs_s, energy_j, disk_bytes }: Estimate): string {
  if (runs_s === null)
    return `Left: ${runs} runs; gaps alone take ${durationText(gaps_s)}. Nothing has run yet to tell more.`
  const energy = energy_j === null ? '' : `, ${(energy_j / 3.6e6).toPrecision(3)} kWh`
  const disk = disk_bytes === null ? '' : `, ${(disk_bytes / 1e6).toPrecision(3)} MB`
  return `Left: ${runs} runs, about ${durationText(runs_s + gaps_s)}${energy}${disk} (${known} of them have run before).`
}

/** How far a campaign is: counts, then the runs that are not simply completed or pending. */
export function showManifest({
  campaign_name,
  state,
  reason,
  counts,
  without_energy,
  without_energy_reason,
  restarts,
  entries,
}: Manifest): string {
  const told = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([status, count]) => {
      const without =
        status === 'completed' && without_energy > 0 ? ` (${without_energy} without energy)` : ''
      return `${count} ${status}${without}`
    })
  if (restarts > 0) told.push(`${restarts} ${restarts === 1 ? 'restart' : 'restarts'} (health.jsonl)`)
  const head = `Campaign ${campaign_name}: ${state}${reason === null ? '' : ` (${reason})`}: ${told.join(', ')}`
  const isOnSlurm = entries.some(({ slurm }) => slurm !== undefined)
  const rows = entries
    .filter(({ status }) => status === 'failed' || status === 'running')
    .slice(0, MANY)
    .map(({ name, cycle, status, error, slurm, place }: ManifestEntry) => [
      name,
      String(cycle),
      status,
      ...(isOnSlurm ? [slurm?.task ?? '-', slurm?.node ?? place?.node ?? '-'] : []),
      error === null ? silenceText(slurm?.silent_s ?? null) : `${error.message} [${error.code}]`,
    ])
  const why =
    without_energy === 0 ? '' : `\nNo energy: ${without_energy_reason ?? 'see result.json of the run'}`
  return rows.length === 0
    ? `${head}${why}`
    : `${head}${why}\n${columns(['experiment', 'cycle', 'status', ...(isOnSlurm ? ['task', 'node'] : []), 'error'], rows, [1])}`
}

/** A run says something every few seconds, but for the time in which a model is loaded. */
const SILENCE_TOLD_S = 300

function silenceText(silentS: number | null): string {
  return silentS === null || silentS < SILENCE_TOLD_S ? '' : `nothing heard for ${durationText(silentS)}`
}

/** The table of what is quoted of each experiment over its cycles, with its intervals; null while nothing is completed. */
export async function showStatistics(
  { experiments, boards }: CampaignStatistics,
  { isSingle }: { isSingle: boolean },
): Promise<string | null> {
  const { MEASURES, measureText } = await import('../campaign/statistics.js')
  const all = experiments.filter(({ cycles }) => cycles > 0)
  if (all.length === 0) return null
  // Where the model was always kept, or nothing reads power, there is nothing to say of loading it.
  const measures = MEASURES.filter(
    ({ key, isShown }) =>
      isShown && (key !== 'load_energy_j' || all.some((experiment) => experiment[key] !== null)),
  )
  const rows = all.slice(0, MANY).map((experiment) => {
    const methods = measures.flatMap(({ key }) => experiment[key]?.quoted.method ?? [])
    return [
      experiment.name,
      String(experiment.cycles),
      ...measures.map(({ key }) => measureText(experiment[key], experiment.cycles)),
      ...(isSingle ? [] : [[...new Set(methods)].join(', ') || '-']),
    ]
  })
  const head = [
    'experiment',
    'n',
    ...measures.map(({ title, unit }) => (title.includes('/') ? title : `${title} (${unit})`)),
    ...(isSingle ? [] : ['95 % by']),
  ]
  const more = all.length > MANY ? `\n... and ${all.length - MANY} more` : ''
  const isSequential = experiments.some(
    ({ energy_per_output_token_j: each }) => each?.quoted.coverage !== undefined,
  )
  const by = isSequential
    ? "Student's 95 % interval (one of 97 %, because the campaign went on until it was narrow)"
    : "Student's 95 % interval"
  const numbers = measures.map((_, place) => place + 2)
  const onBoards = boards === undefined ? null : boardsText(boards)
  const under = onBoards === null ? '' : `\n\n${onBoards}`
  const table = columns(head, rows, [1, ...numbers]) + more + energyOf(all) + under
  return isSingle
    ? `${table}\n\nSingle cycle: use --cycles 3+ for confidence intervals`
    : `${table}\n\nGeometric means over the cycles with ${by}; statistics.json has the means, medians and the bootstrap's.`
}

/** Whose joules they are, where they are no GPU's. */
function energyOf(experiments: readonly ExperimentStatistics[]): string {
  const whose = [...new Set(experiments.map(({ energy_of = null }) => energy_of))]
  if (whose.every((each) => each === null)) return ''
  const texts =
    whose.length === 1
      ? [`Energy: ${whose[0]}`]
      : whose.map((each) => {
          const names = experiments
            .filter(({ energy_of = null }) => energy_of === each)
            .map(({ name }) => name)
          return `Energy of ${listedNames(names)}: ${each ?? 'the GPUs'}`
        })
  return `\n\n${texts.join('\n')}`
}
