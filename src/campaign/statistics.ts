// What the cycles of a campaign come to, for each experiment: `statistics.json` in the campaign's folder, and all tables.

import { z } from 'zod'
import { repeated, repeatedSchema, type Scale } from '../results/repeated.js'
import { boardsOf, boardsSchema } from './boards.js'
import type { CampaignPlan } from './plan.js'
import type { KeptSummary, RunRecords } from './records.js'

/** In the campaign's folder. */
export const STATISTICS_FILE = 'statistics.json'

interface MeasureKind {
  key: keyof KeptSummary
  title: string
  unit: string
  scale: Scale
  /** A column of the campaign's table. */
  isShown: boolean
  /** How far the measurement of one run may be off (k = 2): a share of the value, or in its unit. */
  uncertainty?: UncertaintyKey
}

const SHARES = ['quoted_uncertainty_share', 'energy_uncertainty_share'] as const
type UncertaintyKey =
  | (typeof SHARES)[number]
  | 'active_energy_uncertainty_j'
  | 'active_energy_per_output_token_uncertainty_j'

/** What a campaign compares, the most important first. Active energy may be below 0 where there is little of it. */
export const MEASURES = [
  {
    ...{ key: 'energy_per_output_token_j', title: 'J/output token', unit: 'J/output token' },
    ...{ scale: 'log', isShown: true, uncertainty: 'quoted_uncertainty_share' },
  },
  {
    key: 'energy_j',
    title: 'energy',
    unit: 'J',
    scale: 'log',
    isShown: true,
    uncertainty: 'energy_uncertainty_share',
  },
  {
    key: 'active_energy_j',
    title: 'active energy',
    unit: 'J',
    scale: 'linear',
    isShown: false,
    uncertainty: 'active_energy_uncertainty_j',
  },
  {
    ...{ key: 'active_energy_per_output_token_j', title: 'active J/output token', unit: 'J/output token' },
    ...{ scale: 'linear', isShown: false, uncertainty: 'active_energy_per_output_token_uncertainty_j' },
  },
  {
    ...{
      key: 'energy_per_request_j',
      title: 'J/request',
      unit: 'J/request',
      scale: 'log',
      isShown: false,
      uncertainty: 'energy_uncertainty_share',
    },
  },
  {
    ...{ key: 'output_tokens_per_j', title: 'output tokens/J', unit: 'output tokens/J' },
    ...{ scale: 'log', isShown: false, uncertainty: 'quoted_uncertainty_share' },
  },
  {
    ...{ key: 'good_output_tokens_per_j', title: 'good output tokens/J', unit: 'output tokens/J' },
    ...{ scale: 'log', isShown: false, uncertainty: 'energy_uncertainty_share' },
  },
  {
    key: 'mean_power_w',
    title: 'mean power',
    unit: 'W',
    scale: 'log',
    isShown: false,
    uncertainty: 'energy_uncertainty_share',
  },
  { key: 'tokens_per_second', title: 'throughput', unit: 'tokens/s', scale: 'log', isShown: true },
  {
    ...{ key: 'output_tokens_per_second', title: 'output throughput', unit: 'output tokens/s' },
    ...{ scale: 'log', isShown: false },
  },
  { key: 'ttft_p50_ms', title: 'TTFT p50', unit: 'ms', scale: 'log', isShown: false },
  { key: 'itl_p50_ms', title: 'ITL p50', unit: 'ms', scale: 'log', isShown: false },
  { key: 'tpot_p50_ms', title: 'TPOT p50', unit: 'ms', scale: 'log', isShown: false },
  { key: 'e2e_p50_ms', title: 'latency p50', unit: 'ms', scale: 'log', isShown: true },
  { key: 'load_energy_j', title: 'load', unit: 'J', scale: 'log', isShown: true },
] as const satisfies readonly MeasureKind[]
export type MeasureKey = (typeof MEASURES)[number]['key']

/** Null where no cycle has the number. */
const measure = repeatedSchema.nullable()

export const experimentStatisticsSchema = z.object({
  name: z.string(),
  hash: z.string(),
  /** Cycles that are completed. */
  cycles: z.number().int(),
  /** What is quoted of each result. */
  energy_per_output_token_j: measure,
  energy_j: measure,
  /** Without what the GPUs draw while the loaded model does nothing. */
  active_energy_j: measure,
  active_energy_per_output_token_j: measure,
  /** Of the whole run, over the requests that came to something. */
  energy_per_request_j: measure,
  /** Of what is quoted, so that its geometric mean is one over that of the joules per output token. */
  output_tokens_per_j: measure,
  /** Output tokens of the requests that kept the limits of `slo`, over the energy of the whole run. */
  good_output_tokens_per_j: measure,
  mean_power_w: measure,
  tokens_per_second: measure,
  output_tokens_per_second: measure,
  /** Medians over the requests of a run; the means here are over runs. */
  ttft_p50_ms: measure,
  itl_p50_ms: measure,
  tpot_p50_ms: measure,
  e2e_p50_ms: measure,
  load_energy_j: measure,
  /**
   * Whose joules they are, where not GPUs': "CPU package, by RAPL". Cycles that are of different ones have no joules
   * together.
   */
  energy_of: z.string().nullable().optional(),
})
/** One experiment over its cycles. */
export type ExperimentStatistics = z.infer<typeof experimentStatisticsSchema>

export const campaignStatisticsSchema = z.object({
  statistics_version: z.literal(1),
  campaign_name: z.string(),
  campaign_hash: z.string(),
  as_of: z.string(),
  experiments: z.array(experimentStatisticsSchema),
  /** Absent where all ran on the machine of the campaign. */
  boards: boardsSchema.optional(),
})
export type CampaignStatistics = z.infer<typeof campaignStatisticsSchema>

/** The statistics of a campaign as they are at this moment; without the bootstrap, which takes most of the time, where told so. */
export function campaignStatistics(
  plan: CampaignPlan,
  records: RunRecords,
  { hasBootstrap = true }: { hasBootstrap?: boolean } = {},
): CampaignStatistics {
  const boards = boardsOf(records)
  return {
    statistics_version: 1,
    campaign_name: plan.campaign_name,
    campaign_hash: plan.campaign_hash,
    as_of: new Date().toISOString(),
    experiments: statisticsOf(plan, records, hasBootstrap),
    ...(boards === null ? {} : { boards }),
  }
}

/** Each experiment over its own cycles: different experiments are no repetitions of each other. */
export function statisticsOf(
  plan: CampaignPlan,
  records: RunRecords,
  hasBootstrap = true,
): ExperimentStatistics[] {
  const isSequential = (plan.execution.until_ci_pct ?? null) !== null
  const summaries = plan.experiments.map((): KeptSummary[] => [])
  for (const run of records.runs()) {
    const { status, summary } = records.of(run)
    if (status === 'completed' && summary !== null) summaries[run.experiment]?.push(summary)
  }
  return plan.experiments.map(({ name, hash }, index) => {
    const own = summaries[index] ?? []
    const { runs, energy_of } = ofOneKind(own)
    return {
      ...{ name, hash, cycles: own.length },
      ...measuresOf(runs, hasBootstrap ? plan.execution.seed + index : null, isSequential),
      ...(energy_of === null ? {} : { energy_of }),
    }
  })
}

/** Joules of a CPU and joules of GPUs are no repetitions of one another: where cycles have both, none are pooled. */
function ofOneKind(runs: readonly KeptSummary[]): { runs: KeptSummary[]; energy_of: string | null } {
  const kinds = [...new Set(runs.flatMap((run) => (run.energy_j === null ? [] : [run.energy_of ?? null])))]
  if (kinds.length <= 1) return { runs: [...runs], energy_of: kinds[0] ?? null }
  const without = Object.fromEntries(
    MEASURES.filter(({ unit }) => unit.includes('J') || unit === 'W').map(({ key }) => [key, null]),
  )
  return {
    runs: runs.map((run) => ({ ...run, ...without })),
    energy_of: `not the same in all cycles: ${kinds.map((each) => each ?? 'the GPUs').join('; ')}`,
  }
}

/** What a run has of every measure, and how far that may be off, where it is known. */
type MeasuredRun = Pick<KeptSummary, MeasureKey> & Partial<Pick<KeptSummary, UncertaintyKey>>

/** Every measure over these runs of one experiment. */
export function measuresOf(
  runs: readonly MeasuredRun[],
  seed: number | null,
  isSequential = false,
): Pick<ExperimentStatistics, MeasureKey> {
  const measures = MEASURES.map((kind: MeasureKind & { key: MeasureKey }) => {
    const { key, unit, scale } = kind
    const known = runs.filter((run) => run[key] !== null)
    const values = known.map((run) => run[key] as number)
    const uncertainties = known.map((run) => uncertaintyOf(run, kind))
    return [key, repeated(values, { unit, scale, seed, isSequential, uncertainties })]
  })
  return Object.fromEntries(measures)
}

function uncertaintyOf(
  run: MeasuredRun,
  { key, uncertainty }: MeasureKind & { key: MeasureKey },
): number | null {
  const told = uncertainty === undefined ? null : (run[uncertainty] ?? null)
  const isShare = SHARES.some((share) => share === uncertainty)
  return told === null || !isShare ? told : Math.abs(run[key] as number) * told
}

/** "0.1121 [0.1098, 0.1144]", wherever the statistics of a campaign are shown; `-` where there are none. */
export function measureText(measured: ExperimentStatistics[MeasureKey], cycles: number): string {
  if (measured === null) return '-'
  const { value, low, high } = measured.quoted
  // Its own number where some cycles have no such thing.
  const of = measured.n === cycles ? '' : ` (n=${measured.n})`
  const range = low === null || high === null ? '' : ` [${numberText(low)}, ${numberText(high)}]`
  return `${numberText(value)}${range}${of}`
}

export function numberText(value: number): string {
  return Math.abs(value) >= 1e4 ? value.toFixed(0) : value.toPrecision(4)
}
