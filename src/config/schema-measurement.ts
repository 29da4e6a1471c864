import { z } from 'zod'
import { ENERGY_BACKENDS } from '../core/energy-backends.js'
import { EXTERNAL_SCOPES } from '../core/external-scopes.js'
import { nodes } from './schema-nodes.js'

const intervalMs = z.number().min(1).max(5000)

/** A meter outside of the GPUs. */
const externalMeter = z.strictObject({
  command: z.array(z.string().min(1)).min(1).meta({
    description:
      'The program that prints its readings, and its arguments, without a shell: lines of {"t_ns": ..., "w": ...} or {"t_ns": ..., "j": ...}.',
    expects: 'a list of a program and its arguments',
  }),
  scope: z
    .enum(EXTERNAL_SCOPES)
    .default('node')
    .meta({ description: 'What it measures: at the wall, the node, or the module of GPU and CPU.' }),
  name: z
    .string()
    .regex(/^[A-Za-z0-9][\w.-]{0,39}$/)
    .nullable()
    .default(null)
    .meta({
      description: 'What it is called in results; null is the name of its program.',
      expects: 'up to 40 letters, digits, dots, dashes and underscores, or null',
    }),
  accuracy_pct: z.number().gt(0).max(100).nullable().default(null).meta({
    description: 'How far the meter itself may be off (k = 2); null is what it says, or unknown.',
    unit: '%',
  }),
})

const baselineSec = z.number().min(5).max(120)

/** `energy`: how energy is measured. */
export const energy = z
  .strictObject({
    backend: z
      .enum([...ENERGY_BACKENDS, 'auto'])
      .nullable()
      .default('auto')
      .meta({
        description:
          'What measures the energy; auto takes the most certain that works here, rapl the CPU packages, null accounts for none and still looks at the GPUs.',
        expects: `${[...ENERGY_BACKENDS, 'auto'].join(', ')}, or null to disable`,
      }),
    devices: z
      .array(
        z
          .union([z.int().min(0), z.string().regex(/^((GPU|MIG)-[\w/-]+|AMD-\w+|PCI-[\w:.]+)$/)])
          .meta({ expects: 'a GPU index from 0 or a GPU-..., MIG-..., AMD-... or PCI-... UUID' }),
      )
      .min(1)
      .nullable()
      .default(null)
      .meta({
        description: 'The GPUs to measure; null is those of CUDA_VISIBLE_DEVICES and its like, else all.',
        expects:
          'a list of at least one GPU (an index from 0 or a GPU-..., MIG-..., AMD-... or PCI-... UUID) or null',
      }),
    interval_ms: intervalMs
      .default(10)
      .meta({ description: 'Time between two readings of the power.', unit: 'ms' }),
    slow_interval_ms: intervalMs.default(100).meta({
      description: 'Time between two readings of temperature, memory, utilization, clocks and throttling.',
      unit: 'ms',
    }),
    approx_instant_energy: z.boolean().default(false).meta({
      description:
        'Zeus only: estimate the energy of a window in which the energy counter did not move from the power at its end.',
    }),
    external: z
      .union([externalMeter, z.array(externalMeter).min(1).max(EXTERNAL_SCOPES.length)])
      .nullable()
      .default(null)
      .meta({
        description:
          'A meter of the node, at the wall or of a module beside the GPUs, or a list of one for each; its joules are part of no other number.',
        expects:
          "a mapping with command and scope, such as {command: [llem, meter, redfish, --url, 'https://bmc'], scope: node}, a list of such, or null",
      }),
    nodes,
    tick_locked: z.boolean().default(false).meta({
      description:
        'Read the power only around the ticks of its sensor, once they are known, and the slow signals at most twice a second: a third of the driver calls.',
    }),
  })
  .prefault({})
  .meta({ description: 'How energy is measured.' })

/** `baseline`: idle power. */
export const baseline = z
  .strictObject({
    enabled: z.boolean().default(true).meta({ description: 'Measure idle power before the model loads.' }),
    required: z
      .boolean()
      .default(false)
      .meta({ description: 'End the experiment when the baseline cannot be measured.' }),
    duration_sec: baselineSec
      .default(30)
      .meta({ description: 'How long idle power is measured.', unit: 's' }),
    duration_seconds: baselineSec
      .optional()
      .meta({ description: 'Another name of baseline.duration_sec.', unit: 's' }),
    sample_interval_ms: z.number().min(10).max(1000).default(100).meta({
      description: 'Has no effect: one sampler reads all power, idle power too, every energy.interval_ms.',
      unit: 'ms',
    }),
    cache_ttl_sec: z
      .number()
      .min(60)
      .default(3600)
      .meta({ description: 'A stored baseline older than this is measured again.', unit: 's' }),
  })
  .transform(({ duration_seconds, ...rest }) => ({
    ...rest,
    duration_sec: duration_seconds ?? rest.duration_sec,
  }))
  .prefault({})
  .meta({ description: 'Idle power, taken off the raw energy.' })

/** `warmup`: prompts before the measurement. */
export const warmup = z
  .strictObject({
    enabled: z.boolean().default(true).meta({ description: 'Run prompts before the measurement.' }),
    convergence_detection: z
      .boolean()
      .default(true)
      .meta({ description: 'Warm up until the latency is steady instead of for a fixed number of prompts.' }),
    cv_threshold: z.number().min(0).max(1).default(0.05).meta({
      description: 'The latency is steady when its coefficient of variation is below this.',
    }),
    max_prompts: z
      .int()
      .min(1)
      .max(200)
      .default(50)
      .meta({ description: 'Most prompts to warm up with.', unit: 'prompts' }),
    window_size: z
      .int()
      .min(3)
      .max(20)
      .default(5)
      .meta({ description: 'The latest latencies that are compared.', unit: 'prompts' }),
    min_prompts: z
      .int()
      .min(1)
      .default(5)
      .meta({ description: 'Fewest prompts before the latency may count as steady.', unit: 'prompts' }),
    n_warmup: z.int().min(1).nullable().default(null).meta({
      description: 'Prompts of a fixed warmup, or at least so many with convergence_detection.',
      unit: 'prompts',
    }),
    max_seconds: z
      .number()
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'Longest warmup; null is no limit in time.', unit: 's' }),
    thermal_floor_seconds: z
      .union([z.literal(0), z.number().min(30)])
      .default(60)
      .meta({
        description: 'Wait after the warmup, so that the temperature settles; 0 is off.',
        unit: 's',
        expects: '0 (off) or a number of at least 30 (s)',
      }),
  })
  .prefault({})
  .meta({ description: 'Prompts that run before the measurement.' })

/** `timeseries`: readings over time. */
export const timeseries = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description: 'Keep readings over time; false keeps neither file, and the energy is the same.',
    }),
    save: z
      .boolean()
      .default(true)
      .meta({ description: 'Write timeseries.parquet, one row a second and device.' }),
    sample_interval_ms: intervalMs
      .nullable()
      .default(null)
      .meta({ description: 'Another name of energy.interval_ms; null leaves it to that key.', unit: 'ms' }),
    full_rate: z.boolean().default(true).meta({
      description:
        'Keep samples.parquet, with every reading, which all joules rest on and `llem verify` recomputes them from; false removes it once the energy of requests and phases is known.',
    }),
  })
  .prefault({})
  .meta({ description: 'Readings over time, written beside the result.' })
