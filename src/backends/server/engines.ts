// What engines say that they run with. Each is asked in its own words, by requests that compute nothing; one that is not
// known tells nothing here, and that is its reason.

import { z } from 'zod'
import { shortened } from '../../core/foreign-text.js'
import type { ObservedServer } from '../identity.js'
import type { Connection } from './connection.js'

/** What an engine told of itself; what it left out is null. */
export interface EngineFacts
  extends Omit<ObservedServer, 'model' | 'owner' | 'root' | 'parent' | 'engine' | 'reasons'> {
  engine: string | null
  /** Paths or ids of the model, by which a name that fits nothing may be known. */
  paths: (string | null)[]
  trainContextSize: number | null
  /** It says that this model is for embeddings, and generates nothing. */
  isForEmbeddings: boolean
}

interface Engine {
  name: string
  /** By the owner of its models; null: it has to be tried. */
  owners: readonly string[]
  ask(connection: Connection, model: string | null): Promise<Partial<EngineFacts> | null>
}

const NOTHING: EngineFacts = {
  engine: null,
  engine_version: null,
  context_size: null,
  trainContextSize: null,
  isForEmbeddings: false,
  dtype: null,
  quantisation: null,
  tensor_parallel: null,
  pipeline_parallel: null,
  data_parallel: null,
  paths: [],
}

/** Of what does not concern the machine or the model nothing is kept: some engines tell their keys there. */
const ENGINES: readonly Engine[] = [
  { name: 'vllm', owners: ['vllm'], ask: versionAlone },
  { name: 'tensorrt_llm', owners: ['tensorrt_llm'], ask: versionAlone },
  { name: 'sglang', owners: ['sglang'], ask: askSglang },
  { name: 'llamacpp', owners: ['llamacpp'], ask: askLlamaServer },
  { name: 'ollama', owners: ['library'], ask: askOllama },
  { name: 'lmstudio', owners: ['organization_owner'], ask: askLmStudio },
  { name: 'tgi', owners: [], ask: askTgi },
  { name: 'lmdeploy', owners: ['lmdeploy'], ask: async () => ({}) },
  { name: 'openvino', owners: ['OVMS'], ask: async () => ({}) },
]

/** Asks the engine behind a connection. Never rejects. `model`: the id in its list, where that is known. */
export async function askEngine(
  connection: Connection,
  { owner, model }: { owner: string | null; model: string | null },
): Promise<EngineFacts> {
  const known = ENGINES.find(({ owners }) => owner !== null && owners.includes(owner))
  if (known !== undefined) return factsOf(known.name, await known.ask(connection, model))
  // A namespace of Ollama is an owner like any other, and TGI gives the model's own id.
  const tried = await Promise.all(
    ENGINES.filter(({ name }) => TRIED.includes(name)).map(async ({ name, ask }) => {
      const told = await ask(connection, model)
      return told === null ? null : factsOf(name, told)
    }),
  )
  return tried.find((facts) => facts !== null) ?? { ...NOTHING, ...(await versionAlone(connection)) }
}

/** The backend by which an engine is measured; any other is a server like all. */
export function backendOf(engine: string | null): string {
  return (engine === null ? undefined : BACKENDS[engine]) ?? 'server'
}

const BACKENDS: Readonly<Record<string, string>> = {
  ...{ vllm: 'vllm', tensorrt_llm: 'tensorrt', sglang: 'sglang', tgi: 'tgi' },
  ...{ llamacpp: 'llama-server', ollama: 'ollama', lmstudio: 'lmstudio' },
}

const TRIED = ['tgi', 'ollama', 'lmstudio', 'sglang']

function factsOf(engine: string, told: Partial<EngineFacts> | null): EngineFacts {
  return { ...NOTHING, ...told, engine }
}

const version = z.object({ version: z.string() })

/** vLLM, TensorRT-LLM and others: GET /version. */
async function versionAlone(connection: Connection): Promise<Partial<EngineFacts>> {
  const told = version.safeParse(await connection.tryJson('/version')).data
  return told === undefined ? {} : { engine_version: shortened(told.version) }
}

const count = z.number().int().positive().nullish().catch(null)
const text = z.string().nullish().catch(null)

const sglangSchema = z.object({
  model_path: z.string(),
  served_model_name: text,
  version: text,
  dtype: text,
  quantization: text,
  context_length: count,
  max_model_len: count,
  tp_size: count,
  pp_size: count,
  dp_size: count,
})

/** SGLang: GET /server_info, formerly /get_server_info: its arguments, beside its state. */
async function askSglang(connection: Connection): Promise<Partial<EngineFacts> | null> {
  for (const path of ['/server_info', '/get_server_info']) {
    const told = sglangSchema.safeParse(await connection.tryJson(path)).data
    if (told === undefined) continue
    return {
      engine_version: short(told.version),
      context_size: told.context_length ?? told.max_model_len ?? null,
      dtype: told.dtype === 'auto' ? null : short(told.dtype),
      quantisation: short(told.quantization),
      tensor_parallel: told.tp_size ?? null,
      pipeline_parallel: told.pp_size ?? null,
      data_parallel: told.dp_size ?? null,
      paths: [told.model_path, told.served_model_name ?? null],
    }
  }
  return null
}

const propsSchema = z.object({
  build_info: text,
  model_path: text,
  model_alias: text,
  default_generation_settings: z.object({ n_ctx: count }).nullish().catch(null),
})

/** llama-server: GET /props. */
async function askLlamaServer(connection: Connection): Promise<Partial<EngineFacts> | null> {
  const props = propsSchema.safeParse(await connection.tryJson('/props')).data
  if (props === undefined) return null
  return {
    engine_version: short(props.build_info),
    context_size: props.default_generation_settings?.n_ctx ?? null,
    // It tells no more of a model of several than that it has several.
    paths: [props.model_path || null, props.model_alias || null],
  }
}

const ollamaShown = z.object({
  details: z.object({ quantization_level: text, format: text }).nullish().catch(null),
  model_info: z.record(z.string(), z.unknown()).nullish().catch(null),
})
const ollamaLoaded = z.object({
  models: z.array(z.object({ name: z.string(), context_length: count })),
})

/** Ollama: GET /api/version and /api/ps, POST /api/show. */
async function askOllama(connection: Connection, model: string | null): Promise<Partial<EngineFacts> | null> {
  const told = version.safeParse(await connection.tryJson('/api/version')).data
  if (told === undefined) return null
  const shown = ollamaShown.safeParse(
    model === null ? null : await connection.tryJson('/api/show', { model }),
  )
  const loaded = ollamaLoaded.safeParse(await connection.tryJson('/api/ps')).data?.models ?? []
  const { details, model_info } = shown.data ?? {}
  const trained = Object.entries(model_info ?? {}).find(([key]) => key.endsWith('.context_length'))?.[1]
  return {
    engine_version: shortened(told.version),
    // What it was trained with is not what it runs with, and a model that is not loaded runs with nothing yet.
    context_size:
      loaded.find(({ name }) => name === model || name === `${model}:latest`)?.context_length ?? null,
    trainContextSize: Number.isSafeInteger(trained) ? Number(trained) : null,
    quantisation: short(details?.quantization_level),
  }
}

const lmStudioSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      type: text,
      state: z.string(),
      quantization: text,
      max_context_length: count,
      loaded_context_length: count,
    }),
  ),
})

/** LM Studio: GET /api/v0/models. */
async function askLmStudio(
  connection: Connection,
  model: string | null,
): Promise<Partial<EngineFacts> | null> {
  const told = lmStudioSchema.safeParse(await connection.tryJson('/api/v0/models')).data
  if (told === undefined) return null
  const own = told.data.find(({ id }) => id === model)
  return {
    context_size: own?.loaded_context_length ?? null,
    trainContextSize: own?.max_context_length ?? null,
    isForEmbeddings: own?.type === 'embeddings',
    quantisation: short(own?.quantization),
  }
}

const tgiSchema = z.object({
  model_id: z.string(),
  model_dtype: text,
  max_total_tokens: count,
  version: z.string(),
  quantize: text,
})

/** Text Generation Inference: GET /info. */
async function askTgi(connection: Connection): Promise<Partial<EngineFacts> | null> {
  const told = tgiSchema.safeParse(await connection.tryJson('/info')).data
  if (told === undefined) return null
  return {
    engine_version: shortened(told.version),
    context_size: told.max_total_tokens ?? null,
    dtype: short(told.model_dtype?.replace(/^torch\./, '')),
    quantisation: short(told.quantize),
    paths: [told.model_id],
  }
}

function short(text: string | null | undefined): string | null {
  return text == null || text === '' ? null : shortened(text)
}
