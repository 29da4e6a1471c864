// Servers that load a model when it is asked for, and forget it when it is not: what they load within the window would be
// measured as inference. Each says by a request that computes nothing whether it has the model.

import { z } from 'zod'
import type { Meanings } from '../../core/meanings.js'
import type { Connection } from './connection.js'

/** What a server says of a model: null where it loads on demand and does not say. */
type InMemory = boolean | null

const ollamaSchema = z.object({ models: z.array(z.object({ name: z.string() })) })
const lmStudioSchema = z.object({ data: z.array(z.object({ id: z.string(), state: z.string() })) })
const routedSchema = z.object({
  data: z.array(z.object({ id: z.string(), status: z.object({ value: z.string() }).nullish().catch(null) })),
})

const WAYS: Readonly<Record<string, (connection: Connection, model: string) => Promise<InMemory>>> = {
  /** GET /api/ps lists what is loaded. */
  async ollama(connection, model) {
    const told = ollamaSchema.safeParse(await connection.tryJson('/api/ps')).data
    return told?.models.some(({ name }) => name === model || name === `${model}:latest`) ?? null
  },
  /** GET /api/v0/models: "loaded" or "not-loaded". */
  async lmstudio(connection, model) {
    const told = lmStudioSchema.safeParse(await connection.tryJson('/api/v0/models')).data
    const own = told?.data.find(({ id }) => id === model)
    return own === undefined ? null : own.state === 'loaded'
  },
  /** llama-server with several models tells the state of each in its list; with one it has that. */
  async llamacpp(connection, model) {
    const told = routedSchema.safeParse(await connection.tryJson('/v1/models')).data
    const status = told?.data.find(({ id }) => id === model)?.status
    return status == null || status.value === 'loaded'
  },
}

/** Whether a server has the model in memory. Of an engine that has one model, or that nobody knows, it is taken to be there. */
export async function isInMemory(
  connection: Connection,
  engine: string | null,
  model: string,
): Promise<InMemory> {
  const ask = engine === null ? undefined : WAYS[engine]
  return ask === undefined ? true : ask(connection, model)
}

export const NOT_KEPT =
  'model_not_kept: the server does not say that it has the model in memory, also after a request to it, so that it may load it within the window.'

export const MEANINGS: Meanings = {
  model_not_kept: {
    meaning: 'The server may have loaded the model within the window, which is then measured as inference.',
    evidence:
      'It loads models when they are asked for, and right after a request it did not say that it has this one.',
    advice: 'Keep the model in memory (Ollama: `OLLAMA_KEEP_ALIVE=-1`), and look whether `/api/ps` answers.',
  },
}
