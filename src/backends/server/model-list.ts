// The answer of /v1/models, of whoever gives it. One odd entry does not void a list.

import { z } from 'zod'
import { LIMITS } from '../../core/limits.js'
import type { ListedModel } from './served-model.js'

const size = z.number().int().positive().nullish().catch(null)
const text = z.string().nullish().catch(null)

const entrySchema = z.object({
  id: z.string().min(1),
  owned_by: text,
  /** vLLM, SGLang. */
  max_model_len: size,
  root: text,
  parent: text,
  /** llama-server; of one that has several models also whether this one is loaded. */
  aliases: z.array(z.string()).nullish().catch(null),
  meta: z.object({ n_ctx: size, n_ctx_train: size }).nullish().catch(null),
  /** Services that route to others. */
  context_length: size,
})

/** The models of a list; null where it is none. A few services answer the bare array, Ollama's own API `models`. */
export function modelList(json: unknown): ListedModel[] | null {
  const { data, models } = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>
  const list = [data, models, json].find(Array.isArray)
  if (list === undefined) return null
  return list.slice(0, LIMITS.listed_models).flatMap((item): ListedModel[] => {
    const read = entrySchema.safeParse(item)
    if (!read.success) return []
    const { id, owned_by, max_model_len, root, parent, aliases, meta, context_length } = read.data
    return [
      {
        id,
        owner: owned_by || null,
        root: root || null,
        parent: parent || null,
        aliases: aliases ?? [],
        contextSize: max_model_len ?? meta?.n_ctx ?? context_length ?? null,
        trainContextSize: meta?.n_ctx_train ?? null,
      },
    ]
  })
}
