import { z } from 'zod'
import { isSecretName } from '../core/secret-names.js'

/** What the runs of a cycle have in common, so that they can be held against one another. */
export const PAIRED_ON = ['board', 'node'] as const

/** Options of sbatch that llem gives itself. */
const OWN_OPTIONS =
  /^(-a|-o|-e|-J|-d|-H|-W|-M|--(array|output|error|job-name|dependency|hold|wait|wrap|parsable|export|export-file|open-mode|requeue|no-requeue|clusters|test-only|chdir))(=|$)/

// A line of `#SBATCH` ends a value at a blank and takes quotes away.
const word = z.string().regex(/^[^\s"'\\#\p{Cc}]+$/u)
const line = z.string().regex(/^[^\p{Cc}]+$/u)
const expects = 'text without blanks and quotes'
const named = (description: string) => word.nullable().default(null).meta({ description, expects })

/** `llem campaign --executor slurm`. */
export const slurmSchema = z
  .strictObject({
    partition: named("Partition; null is the cluster's default."),
    account: named('Account that pays.'),
    qos: named('Quality of service.'),
    time: z
      .string()
      .regex(/^(\d+-\d{1,2}(:\d{1,2}){0,2}|\d+(:\d{1,2}){0,2})$/)
      .nullable()
      .default(null)
      .meta({
        description: 'Longest time of a task; null is what the partition gives.',
        expects: 'minutes, HH:MM:SS or D-HH:MM:SS, e.g. "00:30:00"',
      }),
    gpus_per_task: z
      .union([z.int().min(1).max(1024), word.regex(/^([\w.-]+:)?[1-9]\d*$/)])
      .nullable()
      .default(null)
      .meta({
        description: 'GPUs of a task, as --gpus-per-task; with their type as "a100:1".',
        expects: 'a number, or type:number, e.g. a100:1',
      }),
    gpus: z
      .union([z.int().min(1).max(1024), word.regex(/^([\w.-]+:)?[1-9]\d*$/)])
      .nullable()
      .default(null)
      .meta({
        description: 'The same as --gpus, for clusters that want that one.',
        expects: 'a number, or type:number, e.g. a100:1',
      }),
    gres: named('The same as --gres, e.g. gpu:1 or gpu:a100:1, for older clusters.'),
    constraint: named('Features that a node must have.'),
    nodelist: named('Nodes to run on.'),
    exclude: named('Nodes not to run on.'),
    exclusive: z
      .boolean()
      .default(false)
      .meta({ description: 'Take whole nodes, so that nobody else computes beside what is measured.' }),
    max_parallel: z
      .int()
      .min(1)
      .max(100_000)
      .nullable()
      .default(null)
      .meta({ description: 'Tasks that may run at once; null is as many as Slurm starts.', unit: 'tasks' }),
    pair_on: z.enum(PAIRED_ON).nullable().default(null).meta({
      description:
        'The runs of a cycle share a board or a node: one task does them one after the other. null is a task for each run; structure latin_square is always as board.',
    }),
    modules: z
      .array(word.regex(/^[\w.+/-]+$/))
      .default([])
      .meta({ description: 'Environment modules to load.', expects: 'a list of modules, e.g. [cuda/12.4]' }),
    setup: z.array(line).default([]).meta({
      description: 'Lines of bash before a task. They are written to disk: read tokens from a file there.',
      expects: 'a list of lines of bash',
    }),
    env: z
      .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/))
      .default([
        'HOME',
        'USER',
        'LOGNAME',
        'PATH',
        'LANG',
        'LC_ALL',
        'TMPDIR',
        'XDG_DATA_HOME',
        'XDG_CACHE_HOME',
        'HF_HOME',
        'LD_LIBRARY_PATH',
      ])
      .meta({
        description:
          'Variables of your environment that tasks get too. Slurm writes them to its disk: no secrets.',
        expects: 'a list of names of environment variables',
      }),
    sbatch_args: z.array(line.regex(/^-/)).default([]).meta({
      description: 'More options of sbatch, such as --mem=32G; they win over the keys here.',
      expects: 'a list of options, each with its value, e.g. [--mem=32G]',
    }),
    container: line.nullable().default(null).meta({
      description:
        'An image of Apptainer or Singularity in which the inference of Python and server backends runs, e.g. vllm.sif.',
      expects: 'the path of an image',
    }),
    silent_minutes: z.number().min(1).max(10_080).default(60).meta({
      description: 'A run of which nothing is heard for so long is ended and counts as failed.',
      unit: 'min',
    }),
    max_node_failures: z.int().min(1).max(1000).default(3).meta({
      description: 'A node on which so many runs in a row failed gets no more, where others did not fail.',
      unit: 'runs',
    }),
  })
  .prefault({})
  .meta({ description: 'A campaign as tasks of a Slurm cluster, with --executor slurm.' })

export type SlurmKeys = z.output<typeof slurmSchema>

/** What joins several of these keys and is wrong; `key` is the one to look at. */
export function slurmProblems({ gpus, gpus_per_task, gres, env, sbatch_args }: SlurmKeys): {
  key: keyof SlurmKeys
  message: string
}[] {
  const problems: { key: keyof SlurmKeys; message: string }[] = []
  const asked = Object.entries({ gpus_per_task, gpus, gres }).flatMap(([key, value]) =>
    value === null ? [] : [key as 'gpus'],
  )
  if (asked.length > 1)
    problems.push({
      key: asked[1] as 'gpus',
      message: `slurm.${asked.join(' and slurm.')} ask for GPUs: give one of them`,
    })
  for (const name of env.filter(isSecretName))
    problems.push({
      key: 'env',
      message: `slurm.env: ${name} is named like a secret, and Slurm would write it to its disk; read it in slurm.setup from a file: export ${name}=$(cat ~/.${name.toLowerCase()})`,
    })
  for (const option of sbatch_args) {
    if (!OWN_OPTIONS.test(option)) continue
    problems.push({
      key: 'sbatch_args',
      message: `slurm.sbatch_args: llem gives ${option.split('=')[0]} itself`,
    })
  }
  return problems
}
