import { z } from 'zod'

// What a server was found to be. A field that is not known is null, and `reasons` says why under the field's name.

const count = z.number().int().nonnegative()
const text = z.string().nullable()

/** By what the model that answers is known to be the one that was asked for. */
export const RESOLVED_BY = [
  'listed',
  'alike',
  'root',
  'pattern',
  'named',
  'served_as',
  'started',
  'told_path',
  'unlisted',
] as const
export type ResolvedBy = (typeof RESOLVED_BY)[number]

/** What a server says of itself and of the model. */
export const observedServerSchema = z.object({
  /** The id in its list of models, and who owns it there. */
  model: text,
  owner: text,
  /** What the id stands for, where it tells: the path or id of the weights, of an adapter its base. */
  root: text,
  parent: text,
  engine: text,
  engine_version: text,
  context_size: count.nullable(),
  dtype: text,
  quantisation: text,
  /** GPUs that share each layer, GPUs after one another, and whole copies. */
  tensor_parallel: count.nullable(),
  pipeline_parallel: count.nullable(),
  data_parallel: count.nullable(),
  reasons: z.record(z.string(), z.string()),
})
export type ObservedServer = z.infer<typeof observedServerSchema>

/** What a worker that talks to a server tells of it once it is ready. */
export const serverIdentitySchema = z.object({
  /** The model's name in requests. */
  name: z.string(),
  by: z.enum(RESOLVED_BY),
  observed: observedServerSchema,
})
export type ServerIdentity = z.infer<typeof serverIdentitySchema>

/** How many answers gave which name to the model. */
export const answeredModelSchema = z.object({ model: z.string(), answers: count })
export type AnsweredModel = z.infer<typeof answeredModelSchema>
