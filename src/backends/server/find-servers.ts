// Which inference servers answer on this machine, at the ports that they have where nobody chose another one.

import { setTimeout as sleep } from 'node:timers/promises'
import { shortened } from '../../core/foreign-text.js'
import { Connection } from './connection.js'
import { askEngine, backendOf } from './engines.js'
import { modelList } from './model-list.js'

/** By their documentation. Several programs have the same one, so a port tells nothing of who is there. */
export const USUAL_PORTS: readonly (readonly [port: number, programs: string])[] = [
  [8000, 'vLLM, TensorRT-LLM'],
  [8080, 'llama-server, TGI, LocalAI'],
  [30000, 'SGLang'],
  [11434, 'Ollama'],
  [1234, 'LM Studio'],
  [3000, 'TGI'],
  [23333, 'LMDeploy'],
  [4000, 'LiteLLM'],
]

/** So long one server may take for all that it is asked. */
const PATIENCE_MS = 4000

export interface FoundServer {
  url: string
  /** Null where it is not known by what it says. */
  engine: string | null
  engine_version: string | null
  /** The backend that measures it, as for -b. */
  backend: string
  /** The names of its models; null where it does not list them. */
  models: string[] | null
  /** Why its models are not known. */
  reason: string | null
}

/** Where servers are usually found. */
export function usualUrls(): string[] {
  return USUAL_PORTS.map(([port]) => `http://127.0.0.1:${port}`)
}

/** Those that answer as inference servers do, in the order of `urls`. Never rejects. */
export async function findServers(urls: readonly string[]): Promise<FoundServer[]> {
  const found = await Promise.all(urls.map(lookAt))
  return found.filter((server) => server !== null)
}

async function lookAt(url: string): Promise<FoundServer | null> {
  const connection = new Connection(url, null)
  const late = new AbortController()
  try {
    const limit = sleep(PATIENCE_MS, null, { signal: late.signal }).catch(() => null)
    return await Promise.race([ask(connection, url).catch(() => null), limit])
  } finally {
    late.abort()
    await connection.close()
  }
}

async function ask(connection: Connection, url: string): Promise<FoundServer | null> {
  const { status, json } = await connection.ask('/v1/models', { timeoutMs: PATIENCE_MS })
  const nobody = { url, engine: null, engine_version: null, backend: 'server', models: null }
  if (status === 401 || status === 403)
    return { ...nobody, reason: `it wants a key (${status}): name the variable in api_key_env` }
  const listed = status === 200 ? modelList(json) : null
  const [first] = listed ?? []
  const { engine, engine_version } = await askEngine(connection, {
    owner: first?.owner ?? null,
    model: first?.id ?? null,
  })
  if (listed === null && engine === null) return null
  const models = listed?.map(({ id }) => shortened(id)) ?? null
  return {
    url,
    engine,
    engine_version,
    backend: backendOf(engine),
    models,
    reason: models === null ? 'it lists no models' : null,
  }
}
