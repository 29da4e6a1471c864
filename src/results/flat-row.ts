// A result -> one row of a table. The columns are the same for every result and their names do not change, so that the
// tables of two exports can be put together; what a result does not have is null.

import type { ExecResult } from './exec.js'
import type { ExperimentResult, Spread } from './experiment.js'
import { warningLines } from './findings.js'
import { ATTACHED } from './flat-attached.js'
import { LEVELS, quotedColumn } from './flat-levels.js'
import { ATTRIBUTION, FOUND, LOAD } from './flat-load.js'
import type { AnyResult } from './read.js'
import { sum } from './sum.js'

export type Cell = string | number | boolean | null

/** One column: its name ends with its unit. */
export interface Column {
  name: string
  /** A time is a text of ISO 8601 in UTC, and a timestamp where a format has such. */
  type: 'text' | 'integer' | 'number' | 'boolean' | 'time'
  description: string
  /** Of an experiment; `dir` is its folder. */
  run(result: ExperimentResult, dir: string): Cell
  /** Of a command; absent where a command has no such thing. */
  exec?(result: ExecResult, dir: string): Cell
}

type AnyContent = ExperimentResult | ExecResult
type Energy = NonNullable<AnyContent['energy']>

/** A column that experiments and commands alike have. */
function both(
  name: string,
  type: Column['type'],
  description: string,
  value: (result: AnyContent, dir: string) => Cell,
): Column {
  return { name, type, description, run: value, exec: value }
}

function run(
  name: string,
  type: Column['type'],
  description: string,
  value: (result: ExperimentResult) => Cell,
): Column {
  return { name, type, description, run: value }
}

/** A column of the energy; null where there is none. */
function energy(
  name: string,
  type: Column['type'],
  description: string,
  value: (energy: Energy) => Cell,
): Column {
  return both(name, type, description, (result) => (result.energy === null ? null : value(result.energy)))
}

const LATENCIES = [
  ['ttft', 'Time to first token'],
  ['itl', 'Inter-token latency'],
  ['tpot', 'Time per output token'],
  ['e2e', 'Latency of a request, end to end'],
] as const
const SPREADS = [
  ['mean', 'mean'],
  ['p50', 'median'],
  ['p95', '95th percentile'],
  ['p99', '99th percentile'],
] as const satisfies readonly (readonly [keyof Spread, string])[]

const IDENTITY: readonly Column[] = [
  both('path', 'text', 'The folder of the result.', (_, dir) => dir),
  {
    name: 'kind',
    type: 'text',
    description: 'run: an experiment of `llem run`; exec: a command of `llem exec`.',
    run: () => 'run',
    exec: () => 'exec',
  },
  run('experiment_id', 'text', 'Names the run.', (result) => result.experiment_id),
  run('experiment_name', 'text', 'The label that a person gave.', (result) => result.experiment_name),
  run('config_hash', 'text', 'Equal for runs of the same experiment.', (result) => result.config_hash),
  {
    name: 'started_at',
    type: 'time',
    description: 'When it began; of a command, when its window began. ISO 8601, UTC.',
    run: (result) => result.started_at,
    exec: (result) => result.energy?.window.start_utc ?? null,
  },
  run('completed_at', 'time', 'When it was complete.', (result) => result.completed_at),
  both('simulated', 'boolean', 'Whether the GPU was simulated.', (result) => result.simulated),
  {
    name: 'command',
    type: 'text',
    description: 'The command as JSON, secrets redacted; exec only.',
    run: () => null,
    exec: (result) => JSON.stringify(result.command),
  },
  {
    name: 'exit_code',
    type: 'integer',
    description: 'Of the command; exec only.',
    run: () => null,
    exec: (result) => result.exit_code,
  },
]

const WORKLOAD: readonly Column[] = [
  run('model', 'text', 'The model.', (result) => result.model),
  run('backend', 'text', 'The inference backend.', (result) => result.backend),
  run('served_name', 'text', 'The name in requests; of no server what was loaded.', (result) => {
    return result.identity?.resolved.name ?? null
  }),
  run('served_by', 'text', 'By what that is known to be the model.', (result) => {
    return result.identity?.resolved.by ?? null
  }),
  run('engine', 'text', 'What answered, as far as it is known.', (result) => {
    return result.identity?.observed.engine ?? null
  }),
  run('engine_version', 'text', 'Its version.', (result) => {
    return result.identity?.observed.engine_version ?? null
  }),
  run('dtype', 'text', 'Type of most weights.', (result) => only(result)?.dtype ?? null),
  run('quantisation', 'text', 'Quantisation scheme.', (result) => only(result)?.quantisation ?? null),
  run('compute', 'text', 'What computed: cuda, cpu, ...', (result) => only(result)?.compute ?? null),
  run('prompts_source', 'text', 'Where the prompts came from.', (result) => result.prompts.source),
  run('prompts_order', 'text', 'interleaved, grouped or shuffled.', (result) => result.prompts.order),
  run('prompts_hash', 'text', 'SHA-256 of the prompts.', (result) => result.prompts.hash),
  run('requests', 'integer', 'Measured requests.', (result) =>
    result.process_results.reduce((sum, { requests }) => sum + requests, 0),
  ),
  run('truncated_requests', 'integer', 'Of those, how many had their prompt cut.', (result) => {
    return result.prompts.truncated
  }),
  run('input_tokens', 'integer', 'Tokens of the prompts.', (result) => result.input_tokens),
  run('output_tokens', 'integer', 'Tokens generated.', (result) => result.output_tokens),
  run('total_tokens', 'integer', 'Both.', (result) => result.total_tokens),
  run('input_tokens_p50', 'number', 'Median tokens of a prompt.', (result) => {
    return result.prompts.token_lengths.input?.p50 ?? null
  }),
  run('output_tokens_p50', 'number', 'Median tokens of an answer.', (result) => {
    return result.prompts.token_lengths.output?.p50 ?? null
  }),
]

const SPEED: readonly Column[] = [
  run('inference_s', 'number', 'From the first prompt to the last token.', (result) => {
    return result.total_inference_time_sec
  }),
  run('tokens_per_s', 'number', 'All tokens over that time.', (result) => result.avg_tokens_per_second),
  run('output_tokens_per_s', 'number', 'Output tokens over that time.', (result) => {
    return result.output_tokens_per_second
  }),
  ...LATENCIES.flatMap(([latency, what]) =>
    SPREADS.map(([key, how]) =>
      run(`${latency}_${key}_ms`, 'number', `${what}, ${how}.`, (result) => {
        return result.latency[`${latency}_ms`]?.[key] ?? null
      }),
    ),
  ),
  ...LOAD,
]

const ENERGY: readonly Column[] = [
  energy('window_s', 'number', 'Length of the energy window.', ({ duration_sec }) => duration_sec),
  energy(
    'energy_j',
    'number',
    'Energy of the GPUs in the window, or of what energy_domain says: the headline.',
    ({ total_j }) => total_j,
  ),
  both('energy_reason', 'text', 'Why there is no energy.', (result) => result.energy_reason),
  energy('energy_backend', 'text', 'Whose number energy_j is.', ({ backend }) => backend),
  energy('energy_method', 'text', 'counter, integral or readings_and_mean.', ({ method }) => method),
  energy('energy_uncertainty_j', 'number', 'How far energy_j may be off (k = 2) on these boards.', (each) => {
    return each.uncertainty_j
  }),
  energy(
    'energy_gain_pct',
    'number',
    "How well the boards' own factor is known.",
    ({ gain_pct }) => gain_pct,
  ),
  energy(
    'energy_integral_j',
    'number',
    'By the integral of the power, of the recorded window.',
    ({ integral_j }) => integral_j,
  ),
  energy(
    'energy_counter_j',
    'number',
    "By the driver's energy counter, of the recorded window.",
    ({ counter_j }) => counter_j,
  ),
  energy(
    'energy_residual_pct',
    'number',
    '(integral - counter) / counter.',
    ({ residual_pct }) => residual_pct,
  ),
  energy(
    'energy_coverage_ratio',
    'number',
    'Share of the window that readings cover.',
    (each) => each.coverage,
  ),
  run('energy_per_token_j', 'number', 'Over all tokens.', (result) => result.avg_energy_per_token_j),
  quotedColumn('energy_per_output_token_j', 'number', 'Over output tokens, as it is quoted.', (quoted) => {
    return quoted.value
  }),
  run('energy_adjusted_j', 'number', 'Above idle: without the baseline.', (result) => {
    return result.energy_breakdown?.adjusted_j ?? null
  }),
  run('baseline_w', 'number', 'Idle power of the GPUs.', (result) => {
    return result.energy_breakdown?.baseline_power_w ?? null
  }),
  run('baseline_method', 'text', 'fresh, cached or unavailable.', (result) => {
    return result.energy_breakdown?.baseline_method ?? null
  }),
  energy('mean_power_w', 'number', 'Mean power of the GPUs together.', ({ devices }) =>
    sum(devices.map(({ mean_power_w }) => mean_power_w)),
  ),
  energy('temperature_max_c', 'number', 'Of the hottest GPU.', ({ devices }) =>
    greatest(devices.map(({ temperature_max_c }) => temperature_max_c)),
  ),
  energy(
    'cpu_package_j',
    'number',
    'Energy of the CPU packages, in none of the above.',
    ({ cpu }) => cpu.package_j,
  ),
  energy('cpu_dram_j', 'number', 'Energy of their memory, in none of the above.', ({ cpu }) => cpu.dram_j),
  run('throttled', 'boolean', 'Whether a GPU was slowed down by heat or the power brake.', (result) => {
    return result.thermal_throttle?.detected ?? null
  }),
  run('throttle_s', 'number', 'For how long.', (result) => {
    return result.thermal_throttle?.throttle_duration_sec ?? null
  }),
  run('load_s', 'number', 'Loading the model, before the window; null where it was kept.', (result) => {
    return result.load?.seconds ?? null
  }),
  run('load_energy_j', 'number', 'Energy of the GPUs in that time, in none of the above.', (result) => {
    return result.load?.energy_j ?? null
  }),
  run('carbon_gco2e', 'number', 'What the energy comes to in greenhouse gases.', (result) => {
    return result.carbon?.gco2e ?? null
  }),
  run('cost', 'number', 'What it costs, in the currency of price_per_kwh.', (result) => {
    return result.cost?.amount ?? null
  }),
  run('flops', 'number', 'Estimated floating-point operations.', (result) => result.total_flops),
  energy(
    'energy_absolute_uncertainty_j',
    'number',
    "The same as energy_uncertainty_j with the boards' gain.",
    (each) => {
      return each.absolute_uncertainty_j
    },
  ),
  run('energy_per_token_uncertainty_j', 'number', 'How far energy_per_token_j may be off.', (result) => {
    return result.avg_energy_per_token_uncertainty_j
  }),
  run('energy_per_token_absolute_uncertainty_j', 'number', "The same with the boards' gain.", (result) => {
    return result.avg_energy_per_token_absolute_uncertainty_j
  }),
  quotedColumn(
    'energy_per_output_token_uncertainty_j',
    'number',
    'How far energy_per_output_token_j may be off.',
    ({ uncertainty }) => uncertainty,
  ),
  quotedColumn(
    'energy_per_output_token_absolute_uncertainty_j',
    'number',
    "The same with the boards' gain.",
    (quoted) => quoted.absolute_uncertainty,
  ),
  energy('energy_estimator', 'text', "What made llem's own joules.", ({ estimator }) => estimator),
  ...LEVELS,
  ...ATTRIBUTION,
  energy(
    'energy_domain',
    'text',
    'Of what energy_j and all joules per token are: gpu; cpu_package, counted by RAPL; cpu, by another backend.',
    ({ domain, backend }) => (domain === 'cpu' && backend === 'rapl' ? 'cpu_package' : domain),
  ),
]

const SURROUNDINGS: readonly Column[] = [
  {
    name: 'gpus',
    type: 'integer',
    description: 'How many GPUs were measured.',
    run: ({ environment }) => environment.gpus.length,
    exec: (result) => result.energy?.devices.length ?? null,
  },
  {
    name: 'gpu_names',
    type: 'text',
    description: 'Their names, each once, separated by "; ".',
    run: ({ environment }) => joined(environment.gpus.map(({ name }) => name)),
    exec: (result) => joined(result.energy?.devices.map(({ name }) => name) ?? []),
  },
  {
    name: 'gpu_uuids',
    type: 'text',
    description: 'Their UUIDs.',
    run: ({ environment }) => joined(environment.gpus.map(({ uuid }) => uuid)),
    exec: (result) => joined(result.energy?.devices.map(({ uuid }) => uuid) ?? []),
  },
  run('power_limit_w', 'number', 'Power limit of the GPUs together.', ({ environment: { gpus } }) =>
    sum(gpus.map(({ power_limit_w }) => power_limit_w)),
  ),
  run(
    'node',
    'text',
    'The name in Slurm of the node; null outside of a job.',
    (result) => result.environment.node,
  ),
  run('driver_version', 'text', 'Of the GPU driver.', (result) => result.environment.driver_version),
  run('cuda_version', 'text', 'Of the driver.', (result) => result.environment.cuda_version),
  run('cpu_model', 'text', 'Of the host.', (result) => result.environment.cpu_model),
  run('llem_version', 'text', 'Of the llem that measured.', (result) => {
    return result.environment.versions.llem ?? null
  }),
  run('warmup_converged', 'boolean', 'Whether the latency became steady.', (result) => {
    return result.warmup_result.mode === 'disabled' ? null : result.warmup_result.converged
  }),
  run('warmup_prompts', 'integer', 'Prompts of the warmup.', (result) => {
    return result.warmup_result.iterations_completed
  }),
  both(
    'warnings',
    'integer',
    'How many warnings the measurement has.',
    (result) => warningLines(result.findings).length,
  ),
  both('warning_texts', 'text', 'The warnings as a JSON list.', (result) =>
    JSON.stringify(warningLines(result.findings)),
  ),
  run('effective_config', 'text', 'The resolved configuration as JSON, secrets redacted.', (result) => {
    return JSON.stringify(result.effective_config)
  }),
  ...FOUND,
  ...ATTACHED,
]

/** Every column, in order. New ones are added at the end of their part; none is renamed or removed. */
export const COLUMNS: readonly Column[] = [...IDENTITY, ...WORKLOAD, ...SPEED, ...ENERGY, ...SURROUNDINGS]

/** The cells of a result, in the order of COLUMNS. */
export function flatRow(result: AnyResult, dir: string): Cell[] {
  return COLUMNS.map((column) =>
    result.kind === 'run' ? column.run(result.content, dir) : (column.exec?.(result.content, dir) ?? null),
  )
}

/** The worker process where there is one alone: several may differ. */
function only({ process_results }: ExperimentResult) {
  return process_results.length === 1 ? process_results[0] : undefined
}

function greatest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}

function joined(texts: readonly (string | null)[]): string | null {
  const known = [...new Set(texts.filter((text) => text !== null))]
  return known.length === 0 ? null : known.join('; ')
}
