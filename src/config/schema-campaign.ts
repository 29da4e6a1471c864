import { z } from 'zod'
import { INFERENCE_BACKENDS } from './schema.js'
import { daemonSchema } from './schema-daemon.js'
import { slurmSchema } from './schema-slurm.js'

/** The orders in which a campaign may run its experiments. */
export const STRUCTURES = ['interleaved', 'shuffled', 'latin_square', 'grouped'] as const

/** Cycles before an interval may end a campaign. */
export const FIRST_CYCLES = 5
export const MOST_CYCLES = 1000

const seconds = z
  .number()
  .min(0)
  .max(7 * 86_400)
const dottedAxes = z.record(z.string(), z.unknown())
const pathText = z.string().regex(/^[^\p{Cc}]+$/u)

const execution = z
  .strictObject({
    cycles: z
      .int()
      .min(1)
      .max(MOST_CYCLES)
      .default(3)
      .meta({ description: 'How often every experiment is run.', unit: 'cycles' }),
    structure: z.enum(STRUCTURES).default('interleaved').meta({
      description:
        'The order: interleaved runs all experiments once a cycle (A B A B), shuffled anew in each cycle, latin_square so that each one is at each place and after each other one equally often, grouped each one to its end (A A B B).',
    }),
    until_ci_pct: z.number().gt(0).max(50).nullable().default(null).meta({
      description:
        'End once the interval of J/output token of each experiment reaches no further than this to either side; `cycles` is the most then, and 5 the fewest.',
      unit: '%',
    }),
    seed: z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .nullable()
      .default(null)
      .meta({ description: "Seed of the shuffled order; null takes one from the campaign's content." }),
    warmup_prompts: z.int().min(1).max(200).nullable().default(null).meta({
      description: 'Prompts that warm up each run; null is what each experiment says.',
      unit: 'prompts',
    }),
    warmup_timeout_seconds: seconds
      .nullable()
      .default(null)
      .meta({ description: 'Longest warmup of a run; null is no limit of its own.', unit: 's' }),
    experiment_timeout_seconds: seconds
      .min(1)
      .default(4 * 3600)
      .meta({ description: 'A run that takes longer is ended and counts as failed.', unit: 's' }),
    config_gap_seconds: seconds
      .default(60)
      .meta({ description: 'Wait between two runs of a cycle, so that the GPU cools down.', unit: 's' }),
    cycle_gap_seconds: seconds.default(300).meta({ description: 'Wait between two cycles.', unit: 's' }),
    gap_until: z
      .strictObject({
        temperature_c: z
          .number()
          .min(0)
          .max(120)
          .meta({ description: 'Go on once every GPU is no warmer.', unit: 'C' }),
        max_seconds: seconds
          .default(600)
          .meta({ description: 'Go on after so long, however warm.', unit: 's' }),
      })
      .nullable()
      .default(null)
      .meta({ description: 'Ends a gap when the GPUs are cool instead of after a fixed time.' }),
    max_equal_failures: z.int().min(1).max(1000).default(5).meta({
      description: 'Pause after so many runs in a row that failed for the same reason.',
      unit: 'runs',
    }),
  })
  .prefault({})
  .meta({ description: 'How the experiments of a campaign are run.' })

/** What a campaign has beside the keys of an experiment, which all of its experiments share. */
export const campaignKeysSchema = z.strictObject({
  campaign_name: z
    .string()
    .max(100)
    .regex(/^[^/\p{Cc}]+$/u)
    .meta({
      description: 'The name of the campaign, and of its folder.',
      expects: "text of 1 to 100 characters without '/' and control characters",
    }),
  configs: z.array(pathText).min(1).optional().meta({
    description: 'Files of experiments, by their paths from this file.',
    expects: 'a list of at least one path',
  }),
  experiments: z.array(z.record(z.string(), z.unknown())).min(1).optional().meta({
    description: 'Experiments, each with the keys in which it differs from what all share.',
    expects: 'a list of at least one mapping with keys of an experiment',
  }),
  grid: z
    .strictObject({
      backends: z
        .array(z.enum(INFERENCE_BACKENDS))
        .min(1)
        .optional()
        .meta({ description: 'Inference backends.', expects: `a list of ${INFERENCE_BACKENDS.join(', ')}` }),
      models: z
        .array(pathText)
        .min(1)
        .optional()
        .meta({ description: 'Models.', expects: 'a list of at least one model' }),
      shared: dottedAxes.optional().meta({
        description: 'Dotted key of an experiment -> list of its values.',
        expects: 'a mapping of dotted keys to lists, e.g. { generation.max_tokens: [64, 256] }',
      }),
      backend_overrides: z.partialRecord(z.enum(INFERENCE_BACKENDS), dottedAxes).optional().meta({
        description: 'Backend -> dotted key -> value or list of values, for that backend alone.',
        expects: 'a mapping of backends to dotted keys',
      }),
      groups: z.record(z.string(), z.array(dottedAxes).min(1)).optional().meta({
        description:
          'Name -> list of alternatives, each a mapping of dotted keys: settings that only go together. Every combination of an alternative of each group with the rest of the grid is an experiment; one that speaks of other backends alone is left out.',
        expects:
          'a mapping of names to lists, e.g. { compiled: [{}, { pytorch.compile: true, pytorch.batch_size: 8 }] }',
      }),
    })
    .optional()
    .meta({ description: 'Every combination of these values is an experiment.' }),
  execution,
  cold_start: z
    .strictObject({
      force_cold_start: z.boolean().default(false).meta({
        description:
          'Load the model anew for each run instead of keeping it where the next experiment has the same.',
      }),
      restart_container: z.boolean().default(false).meta({
        description:
          'After each run restart the container that it ran in; where none is used, as force_cold_start.',
      }),
    })
    .prefault({})
    .meta({ description: 'What is left of one run for the next.' }),
  docker: z
    .strictObject({
      enabled: z.boolean().nullable().default(null).meta({
        description:
          'Run inference in the services of a compose file that are named like the backend; null does where there is such a file and an engine answers.',
      }),
      compose_file: pathText.nullable().default(null).meta({
        description:
          'The compose file, by its path from this file; null is compose.yaml, compose.yml, docker-compose.yaml or docker-compose.yml beside it.',
      }),
      python: pathText.default('python3').meta({
        description: 'The Python interpreter inside of the services, which starts what runs there.',
      }),
      env: z
        .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/))
        .default(['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'])
        .meta({
          description:
            "Variables of llem's own environment that inference in a service gets too; CUDA_VISIBLE_DEVICES always is one.",
          expects: 'a list of names of environment variables',
        }),
      start_timeout_seconds: seconds.min(1).default(1800).meta({
        description: 'A service that is not ready by then is given up, the download of its image included.',
        unit: 's',
      }),
    })
    .prefault({})
    .meta({ description: 'Inference in containers, by Docker Compose.' }),
  daemon: daemonSchema,
  slurm: slurmSchema,
  health_check: z
    .strictObject({
      enabled: z.boolean().default(true).meta({
        description:
          'Look between runs whether the GPUs and what runs the experiments are well: after every cycle, and after a run that failed or has no energy.',
      }),
      interval_experiments: z
        .int()
        .min(0)
        .max(100_000)
        .default(0)
        .meta({ description: 'Look after so many runs too; 0 is never.', unit: 'runs' }),
      gpu_memory_threshold_pct: z.number().min(50).max(100).default(90).meta({
        description: "The share of a GPU's memory that others than this campaign may use.",
        unit: '%',
      }),
      restart_on_failure: z.boolean().default(true).meta({
        description: 'End and start anew what runs the experiments where that may help.',
      }),
      max_restarts: z
        .int()
        .min(0)
        .max(1000)
        .default(3)
        .meta({ description: 'Restarts in a campaign; then problems are only logged.', unit: 'restarts' }),
    })
    .prefault({})
    .meta({ description: 'Health checks between runs.' }),
  io: z
    .strictObject({
      results_dir: pathText
        .default('results')
        .meta({ description: 'The folder that gets one folder per campaign.' }),
      configs_dir: pathText
        .nullable()
        .default(null)
        .meta({ description: 'Where `configs` are looked for; null is beside this file.' }),
    })
    .prefault({})
    .meta({ description: 'Where things are.' }),
})

export const CAMPAIGN_KEYS: readonly string[] = Object.keys(campaignKeysSchema.shape)

/** The campaign's own part of its configuration, resolved. */
export type CampaignKeys = z.output<typeof campaignKeysSchema>
/** The same as it is written. */
export type WrittenCampaignKeys = z.input<typeof campaignKeysSchema>
export type Structure = (typeof STRUCTURES)[number]

/** What joins several of these keys and is wrong. */
export function executionProblems({
  execution: { until_ci_pct, cycles },
  daemon,
}: Pick<CampaignKeys, 'execution' | 'daemon'>): { key: 'cycles' | 'until_ci_pct'; message: string }[] {
  if (until_ci_pct === null) return []
  if (daemon.enabled)
    return [{ key: 'until_ci_pct', message: 'execution.until_ci_pct is for a campaign that is no daemon' }]
  return cycles < FIRST_CYCLES
    ? [
        {
          key: 'cycles',
          message: `with execution.until_ci_pct, execution.cycles is the most there may be: at least ${FIRST_CYCLES}, e.g. 100, got ${cycles}`,
        },
      ]
    : []
}
