// The Hugging Face datasets server (https://huggingface.co/docs/dataset-viewer): rows of data sets over HTTP, 100 at a
// time. A token comes from HF_TOKEN alone and is neither kept nor shown, whatever the server repeats. `fetch` drops it where
// a redirect leads to another origin.

import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { LlemError, messageOf } from '../../core/errors.js'
import { shortened } from '../../core/foreign-text.js'
import { mayCarryKey } from '../../core/key-policy.js'
import { limitedJson, limitedText, TooMuchError } from '../../core/limited.js'
import { LIMITS } from '../../core/limits.js'
import { masked, maskKnown } from '../../core/secrets.js'
import { interrupted, stopIfInterrupted } from '../../progress/wait.js'

const OFFICIAL = 'https://datasets-server.huggingface.co'
const TIMEOUT_MS = 60_000
/** The server prepares what nobody has asked for lately, and limits how often one may ask. */
const RETRY_STATUSES: readonly number[] = [429, 500, 502, 503, 504]
const RETRIES = 4
const LONGEST_PAUSE_MS = 30_000

const splitsSchema = z.object({ splits: z.array(z.object({ config: z.string(), split: z.string() })) })

const rowsSchema = z.object({
  features: z.array(z.object({ name: z.string(), type: z.unknown() })),
  rows: z.array(z.object({ row: z.record(z.string(), z.unknown()) })),
  num_rows_total: z.number().int().nonnegative(),
  /** Whether the server has only the beginning of a split that is too big for it. */
  partial: z.boolean().default(false),
})
export type Rows = z.infer<typeof rowsSchema>

export interface Asked {
  name: string
  signal: AbortSignal | undefined
}

/** Where data sets are asked for: LLEM_DATASETS_SERVER, for a mirror, or the official server. */
export function datasetsServer(): string {
  return (process.env.LLEM_DATASETS_SERVER || OFFICIAL).replace(/\/+$/, '')
}

/** The configurations of a data set and their splits. Throws DATASET_*. */
export async function fetchSplits(asked: Asked): Promise<{ config: string; split: string }[]> {
  return (await ask(asked, '/splits', {}, splitsSchema)).content.splits
}

/** At most 100 rows, and the commit of the data set where the server tells it. Throws DATASET_*. */
export async function fetchRows(
  asked: Asked,
  { config, split, offset, length }: { config: string; split: string; offset: number; length: number },
): Promise<{ content: Rows; revision: string | null }> {
  const parameters = { config, split, offset: String(offset), length: String(length) }
  return ask(asked, '/rows', parameters, rowsSchema)
}

async function ask<T>(
  { name, signal }: Asked,
  path: string,
  parameters: Record<string, string>,
  schema: z.ZodType<T>,
): Promise<{ content: T; revision: string | null }> {
  const url = new URL(datasetsServer() + path)
  url.search = new URLSearchParams({ dataset: name, ...parameters }).toString()
  for (let attempt = 0; ; attempt += 1) {
    stopIfInterrupted(signal)
    const { status, headers, text } = await get(url, name, signal)
    if (status === 200) {
      const parsed = schema.safeParse(jsonIn(text))
      if (!parsed.success) throw failed(name, 'its answer has another form than documented', parsed.error)
      // Prompts may look like secrets; what is taken out is what llem itself has sent.
      const content = masked(parsed.data, maskKnown)
      return { content, revision: masked(headers.get('x-revision'), maskKnown) }
    }
    if (!RETRY_STATUSES.includes(status) || attempt === RETRIES) throw refused(name, status, messageIn(text))
    await pause(headers.get('retry-after'), attempt, signal)
  }
}

async function get(url: URL, name: string, signal: AbortSignal | undefined) {
  const limit = new AbortController()
  const abort = () => limit.abort()
  const timer = setTimeout(abort, TIMEOUT_MS)
  signal?.addEventListener('abort', abort)
  try {
    const response = await fetch(url, { headers: headersFor(url), signal: limit.signal })
    return {
      status: response.status,
      headers: response.headers,
      text: await limitedText(response.body, LIMITS.dataset_page_bytes, 'its answer'),
    }
  } catch (cause) {
    if (signal?.aborted) throw interrupted(cause)
    if (cause instanceof TooMuchError) throw failed(name, cause.message, cause)
    throw unreachable(name, url, cause)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}

/** The token goes nowhere unencrypted, but to this machine. */
function headersFor(url: URL): Record<string, string> {
  const token = process.env.HF_TOKEN
  return token && mayCarryKey(url) ? { authorization: `Bearer ${token}` } : {}
}

async function pause(retryAfter: string | null, attempt: number, signal: AbortSignal | undefined) {
  const asked = retryAfter === null ? Number.NaN : Number(retryAfter) * 1000
  const ms = Math.min(LONGEST_PAUSE_MS, Number.isNaN(asked) ? 1000 * 2 ** attempt : asked)
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch((cause) => {
    throw interrupted(cause)
  })
}

function jsonIn(text: string): unknown {
  try {
    return limitedJson(text)
  } catch {
    return null
  }
}

/** What the server says of an error: `{"error": "..."}`. */
function messageIn(text: string): string {
  const said = (jsonIn(text) as { error?: unknown } | null)?.error
  return shortened(typeof said === 'string' ? said : text, 500)
}

/** Whoever has no token is not told whether a data set is private, gated or not there. */
function refused(name: string, status: number, said: string): LlemError {
  const hasToken = Boolean(process.env.HF_TOKEN)
  if (status === 401 || status === 403)
    return new LlemError(
      `the data set ${name} is not there, or it is gated or private${hasToken ? ' and HF_TOKEN does not open it' : ''}`,
      {
        code: 'DATASET_GATED',
        hint: `Check its spelling; if it is gated, accept its terms on its page${hasToken ? ' with the account of HF_TOKEN' : ' and set HF_TOKEN'}.`,
        kind: 'usage',
      },
    )
  if (status === 404)
    return new LlemError(`the data set ${name} was not found: ${said}`, {
      code: 'DATASET_NOT_FOUND',
      hint: 'Check its spelling: hf:owner/name, as in the address of its page.',
      kind: 'usage',
    })
  return failed(name, `HTTP ${status}: ${said}`)
}

function failed(name: string, why: string, cause?: unknown): LlemError {
  return new LlemError(`the data set ${name} could not be read from ${datasetsServer()}: ${why}`, {
    code: 'DATASET_SERVER_FAILED',
    hint: 'Try again later, or download its Parquet file and name that.',
    cause,
  })
}

function unreachable(name: string, url: URL, cause: unknown): LlemError {
  const why = cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause)
  return new LlemError(
    `the data set ${name} is not in the cache, and ${url.origin} cannot be reached: ${why}`,
    {
      code: 'DATASET_UNREACHABLE',
      hint: 'Fetch it once where there is a network, name a mirror with LLEM_DATASETS_SERVER, or use a file of your own.',
      cause,
    },
  )
}
