import { z } from 'zod'
import { NODE_NAME } from '../core/node-name.js'
import { NODE_ROLES } from '../core/node-roles.js'

const word = z.string().regex(/^[^\p{Cc}]+$/u)

/** `energy.nodes`: an experiment whose server spans several machines. */
export const nodes = z
  .strictObject({
    start: z.array(z.array(word).min(1)).min(1).max(1024).nullable().default(null).meta({
      description:
        'What starts the meters, without a shell: programs and their arguments, to which `llem meter node --dir ...` is added; null is srun, once on each node of the Slurm job.',
      expects: 'a list of commands such as [[ssh, node01], [ssh, node02]], or null',
    }),
    count: z.int().min(1).max(4096).nullable().default(null).meta({
      description:
        'How many nodes must be measured; null is that of the Slurm job, else one for each command.',
      unit: 'nodes',
    }),
    gpus_per_node: z.int().min(1).max(64).nullable().default(null).meta({
      description: 'How many GPUs each node must show; null is what Slurm gives there, else any.',
      unit: 'GPUs',
    }),
    roles: z.record(z.string().regex(NODE_NAME), z.enum(NODE_ROLES)).default({}).meta({
      description: 'What each node does: prefill, decode or router, by its name.',
      expects: 'a mapping such as {node01: prefill, node02: decode}',
    }),
    start_timeout_sec: z
      .number()
      .min(1)
      .max(3600)
      .default(120)
      .meta({ description: 'Give up when the meters take longer to start.', unit: 's' }),
  })
  .nullable()
  .default(null)
  .meta({
    description:
      'The machines that a server spans: one meter on each, whose joules are summed; null measures this machine.',
    expects: 'a mapping such as {roles: {node01: prefill, node02: decode}}, or null',
  })

export type NodesWish = NonNullable<z.output<typeof nodes>>
