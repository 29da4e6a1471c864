import { z } from 'zod'
import { serviceSchema } from '../../workers/service.js'

/** What a worker is told of a server: which to start or where it is, and how to talk to it. */
export const serverPlanSchema = z.strictObject({
  /** For messages, e.g. "vllm serve". */
  title: z.string(),
  /** The engine that it is to be, by what it says of itself; null: any. */
  engine: z.string().nullable(),
  /** The program and its arguments, in which {host} and {port} are yet to be filled in; null for a server that runs already. */
  command: z.array(z.string()).min(1).nullable(),
  /** The port that the command's arguments name; null takes a free one. */
  port: z.number().int().min(1).max(65_535).nullable(),
  /** The container in which the command is started; null for this machine. */
  service: serviceSchema.nullable(),
  /** Where a server runs already; null where the command starts one. */
  base_url: z.string().nullable(),
  endpoint: z.enum(['completions', 'chat']),
  /** The model's name in requests; null is the one of /v1/models that was asked for. */
  model: z.string().nullable(),
  /** What the server may call the model, where that is meant; null: nothing else than what was asked for. */
  served_as: z.string().nullable(),
  /** The tokens that prompt and answer shall share, as the command's arguments say; null where they do not. */
  context_size: z.number().int().nullable(),
  /** Whether the command's arguments name the model. */
  starts_model: z.boolean(),
  /** The name of the environment variable that holds the key; null is OPENAI_API_KEY, for api.openai.com alone. */
  api_key_env: z.string().nullable(),
  /** Hosts that get the key unencrypted. */
  api_key_hosts: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  extra_body: z.record(z.string(), z.unknown()),
  load_timeout_ms: z.number().positive(),
  request_timeout_ms: z.number().positive(),
})
export type ServerPlan = z.infer<typeof serverPlanSchema>
