import { z } from 'zod'
import { llamacpp } from '../backends/llamacpp/options.js'
import { pytorch } from '../backends/pytorch/options.js'
import { serverGroups } from '../backends/server/options.js'
import { carbon, pricePerKwh } from './schema-footprint.js'
import { load } from './schema-load.js'
import { baseline, energy, timeseries, warmup } from './schema-measurement.js'
import { slo } from './schema-slo.js'
import { dataset, generation, prompts } from './schema-workload.js'

export { LLAMACPP_GPUS } from '../backends/llamacpp/options.js'
export { ENERGY_BACKENDS } from '../core/energy-backends.js'

/** Every inference backend that `backend` may name. */
export const INFERENCE_BACKENDS = ['llamacpp', 'pytorch', ...namesOf(serverGroups)] as const

/** Those that are reached over HTTP, to which `load` applies. */
export const SERVER_BACKENDS = namesOf(serverGroups)
export type ServerBackendName = keyof typeof serverGroups

function namesOf<T extends object>(groups: T): (keyof T & string)[] {
  return Object.keys(groups) as (keyof T & string)[]
}

/** Whether a backend is reached over HTTP. */
export function isServerBackend(name: string): name is ServerBackendName {
  return (SERVER_BACKENDS as readonly string[]).includes(name)
}

/** A second name of a key. `mayRepeat`: giving both is harmless where both say the same. */
export interface Alias {
  alias: string
  key: string
  mayRepeat: boolean
}

/** Accepted when written, absent from the resolved config: there is one place to read each value from. */
export const ALIASES: readonly Alias[] = [
  { alias: 'baseline.duration_seconds', key: 'baseline.duration_sec', mayRepeat: false },
  { alias: 'timeseries.sample_interval_ms', key: 'energy.interval_ms', mayRepeat: true },
]

const DAY_SEC = 86_400

/** Paths and names meet the file system and the terminal, so control characters are refused here, once. */
const pathText = z.string().regex(/^[^\p{Cc}]+$/u)
const pathExpected = 'text (not empty, no control characters)'

/**
 * One experiment. With its groups (schema-*.ts beside it, options.ts of each backend) the only place where a key, its
 * default, its unit and its description exist: types, messages, the table of keys and the JSON schema are read
 * off it. Rules that join several keys are in rules.ts.
 */
export const experimentConfigSchema = z
  .strictObject({
    model: pathText.meta({
      description:
        'The model: the path of a GGUF file or of a folder, hf:OWNER/REPO[@REVISION][:FILE or QUANT], ollama:NAME, or a name that the backend knows.',
      expects: pathExpected,
    }),
    backend: z.enum(INFERENCE_BACKENDS).default('llamacpp').meta({ description: 'What runs the model.' }),
    experiment_name: z
      .string()
      .max(100)
      .regex(/^[^/\p{Cc}]+$/u)
      .nullable()
      .default(null)
      .meta({
        description: 'A label for people; the identity of an experiment is its content.',
        expects: "text of 1 to 100 characters without '/' and control characters, or null",
      }),
    prompts,
    dataset,
    n_prompts: z
      .int()
      .min(1)
      .max(100_000)
      .default(100)
      .meta({ description: 'Prompts in the measurement.', unit: 'prompts' }),
    processes: z.int().min(1).max(64).default(1).meta({
      description:
        'Worker processes that share the prompts; more than one get a GPU each, in turns where there are fewer.',
      unit: 'processes',
    }),
    generation,
    llamacpp,
    pytorch,
    ...serverGroups,
    load,
    slo,
    energy,
    baseline,
    warmup,
    timeseries,
    carbon,
    price_per_kwh: pricePerKwh,
    python: pathText.nullable().default(null).meta({
      description:
        'The Python interpreter of backends that are Python packages; null is that of each installed backend.',
      expects: 'the path or name of a Python interpreter, or null',
    }),
    output_dir: pathText
      .default('results')
      .meta({ description: 'The folder that gets one folder per experiment.', expects: pathExpected }),
    load_timeout_sec: z
      .number()
      .min(1)
      .max(DAY_SEC)
      .default(600)
      .meta({ description: 'Give up when the model takes longer to load.', unit: 's' }),
    request_timeout_sec: z
      .number()
      .min(1)
      .max(DAY_SEC)
      .default(300)
      .meta({ description: 'Give up on a prompt that takes longer.', unit: 's' }),
  })
  .transform(({ timeseries: { sample_interval_ms, ...timeseries }, energy, ...rest }) => ({
    ...rest,
    energy: { ...energy, interval_ms: sample_interval_ms ?? energy.interval_ms },
    timeseries,
  }))

/** A resolved experiment: every key present, every value in range, no alias left. */
export type ExperimentConfig = z.output<typeof experimentConfigSchema>

/** An experiment as a person writes it: only `model` is required. */
export type WrittenExperimentConfig = z.input<typeof experimentConfigSchema>
