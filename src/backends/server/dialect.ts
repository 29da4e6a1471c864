import { z } from 'zod'
import { LlemError } from '../../core/errors.js'
import { listedNames, shortened } from '../../core/foreign-text.js'
import type { Connection } from './connection.js'

/** Whose server it is, which decides what it understands beyond OpenAI's API. */
export type Dialect = 'vllm' | 'tensorrt_llm' | 'llamacpp' | 'sglang' | 'openai'

/** What a server told of itself. */
export interface ServedModel {
  /** The name that requests give the model. */
  name: string
  dialect: Dialect
  versions: Record<string, string>
  /** Tokens that prompt and answer share; null where it does not say. */
  contextSize: number | null
  trainContextSize: number | null
}

const size = z.number().int().positive().nullish()
const modelsSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      owned_by: z.string().nullish(),
      /** vLLM. */
      max_model_len: size,
      /** llama-server. */
      meta: z.object({ n_ctx: size, n_ctx_train: size }).nullish(),
    }),
  ),
})
const propsSchema = z.object({
  build_info: z.string().nullish(),
  default_generation_settings: z.object({ n_ctx: size }).nullish(),
})

/** Asks /v1/models, and what else this kind of server answers. Throws SERVER_REFUSES or MODEL_NOT_SERVED. */
export async function askServedModel(
  connection: Connection,
  { title, model, names }: { title: string; model: string | null; names: readonly string[] },
): Promise<ServedModel> {
  const answer = await connection.ask('/v1/models')
  const listed = modelsSchema.safeParse(answer.json)
  if (answer.status === 401 || answer.status === 403)
    throw refused(title, answer.status, connection.wordsOf(answer.text))
  const models = listed.success ? listed.data.data : []
  const found =
    models.find(({ id }) => id === model) ??
    (model === null ? (models.find(({ id }) => names.includes(id)) ?? onlyOne(models)) : undefined)
  // A server without a list may still serve the model that the person named.
  const name = found?.id ?? (models.length === 0 ? (model ?? names[0]) : undefined)
  if (name === undefined) throw notServed(title, model, models)
  const dialect = dialectOf(found?.owned_by ?? null)
  const base = { name, dialect, trainContextSize: found?.meta?.n_ctx_train ?? null }
  if (dialect === 'llamacpp') {
    const props = propsSchema.safeParse(await connection.tryJson('/props')).data
    const build = props?.build_info
    const contextSize = props?.default_generation_settings?.n_ctx ?? found?.meta?.n_ctx ?? null
    return { ...base, versions: build == null ? {} : { 'llama-server': shortened(build) }, contextSize }
  }
  const contextSize = found?.max_model_len ?? null
  return { ...base, versions: await versionsOf(connection, dialect, answer.headers.server), contextSize }
}

/** Servers say whose they are where OpenAI says "openai". */
function dialectOf(owner: string | null): Dialect {
  const known = ['vllm', 'tensorrt_llm', 'llamacpp', 'sglang'] as const
  return known.find((dialect) => dialect === owner) ?? 'openai'
}

async function versionsOf(
  connection: Connection,
  dialect: Dialect,
  server: string | string[] | undefined,
): Promise<Record<string, string>> {
  const told = z.object({ version: z.string() }).safeParse(await connection.tryJson('/version'))
  if (told.success) return { [dialect === 'openai' ? 'server' : dialect]: shortened(told.data.version) }
  const header = Array.isArray(server) ? server[0] : server
  return header === undefined ? {} : { server: shortened(header) }
}

function onlyOne<T>(list: readonly T[]): T | undefined {
  return list.length === 1 ? list[0] : undefined
}

function refused(title: string, status: number, words: string): LlemError {
  return new LlemError(`${title} refuses llem (${status}): ${words}`, {
    code: 'SERVER_REFUSES',
    hint: 'Put the key into an environment variable and its name into api_key_env; OPENAI_API_KEY is sent unasked to api.openai.com alone.',
  })
}

function notServed(title: string, model: string | null, models: readonly { id: string }[]): LlemError {
  const ids = listedNames(models.map(({ id }) => id))
  const what = model === null ? 'serves several models' : `does not serve ${JSON.stringify(model)}`
  return new LlemError(`${title} ${what}`, {
    code: 'MODEL_NOT_SERVED',
    hint: `Set the key \`model\` of its group to one of: ${ids}.`,
  })
}
