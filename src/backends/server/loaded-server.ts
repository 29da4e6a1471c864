// A server from the time it answers: what it says of itself, and requests to it.

import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError } from '../../core/errors.js'
import { mask } from '../../core/secrets.js'
import type { Generation, Prompt } from '../protocol.js'
import type { Connection } from './connection.js'
import { unreachable } from './connection.js'
import { answersOther, askServedModel, type ServedModel } from './identify.js'
import { isInMemory } from './in-memory.js'
import { LeftOut } from './left-out.js'
import { type CountTokens, localTokenizer } from './local-tokenizer.js'
import { nowNs } from './now.js'
import type { ServerPlan } from './plan.js'
import { canTokenize, type PreparedPrompts, preparePrompts, tokensOfAnswer } from './prompts.js'
import { waitUntilReady } from './readiness.js'
import { bytesBeside, ENDPOINT_PATHS, requestBody, type ServedPrompt, setsLengths } from './request-body.js'
import { waitAfter } from './response-headers.js'
import { type AskedModel, mayAnswer } from './served-model.js'
import type { ServerProcess } from './server-process.js'
import { type Answered, type Failed, type StreamOptions, TokenStream } from './stream.js'

/** The number of a request that is no part of a run, of which there is one at a time. */
const ALONE = -1
const ONE_TOKEN: Generation = {
  max_tokens: 1,
  temperature: 0,
  top_p: 1,
  top_k: 0,
  seed: 0,
  ignore_eos: false,
}

/** A server that answers: what it is, and how to talk to it. */
export interface LoadedServer {
  plan: ServerPlan
  connection: Connection
  asked: AskedModel
  served: ServedModel
  leftOut: LeftOut
  /** Counts the tokens of an answer's text; null where neither the server nor this machine has the model's tokenizer. */
  countTokens: CountTokens | null
  /** After a request to it the server does not say that it has the model in memory. */
  isForgotten: boolean
}

/** What is waited for. */
interface Awaited {
  plan: ServerPlan
  model: string
  connection: Connection
  /** Null: it runs already. */
  process: ServerProcess | null
}

/** Resolves once the server answers and serves the model that is asked for; rejects with why it does not. */
export async function whenReady(
  { plan, model, connection, process }: Awaited,
  tell: (text: string) => void,
): Promise<LoadedServer> {
  const { title } = plan
  const timeoutMs = plan.load_timeout_ms
  await waitUntilReady(connection, { title, server: process, timeoutMs, tell })
  const asked = {
    model,
    name: plan.model,
    servedAs: plan.served_as,
    isStartedWith: plan.starts_model,
  }
  const served = await askServed(plan, connection, asked)
  const { context_size: wanted } = plan
  if (wanted !== null && served.contextSize !== null && served.contextSize !== wanted)
    throw otherContext(title, wanted, served.contextSize)
  const countTokens = await tokenCounter(connection, served, model)
  const leftOut = new LeftOut(plan.extra_body)
  return { plan, connection, asked, served, leftOut, countTokens, isForgotten: false }
}

async function askServed(
  { title, engine: wanted }: ServerPlan,
  connection: Connection,
  asked: AskedModel,
): Promise<ServedModel> {
  try {
    return await askServedModel(connection, { title, asked, wanted })
  } catch (error) {
    if (error instanceof LlemError) throw error
    throw unreachable(title, connection.baseUrl, error)
  }
}

/** One token, so that a server that loads its models on demand does so now and not within the window. */
export async function bringIntoMemory(server: LoadedServer, tell?: (text: string) => void): Promise<void> {
  const { plan, connection, asked, served } = server
  const isThere = () => isInMemory(connection, served.identity.observed.engine, served.resolved.name)
  if ((await isThere()) === true) return
  tell?.(`${plan.title} loads the model`)
  const { prompts } = await prepare(server, [{ text: 'Hello' }], ONE_TOKEN)
  const [prompt] = prompts
  if (prompt === undefined) throw new Error('a prompt was lost')
  const { end } = await askPatiently(server, prompt, ONE_TOKEN)
  if (!end.ok) throw requestFailed(plan.title, end)
  refuseOther(server, end.model)
  server.isForgotten = (await isThere()) !== true
  // Once it is loaded it tells more, such as its context.
  server.served = await askServed(plan, connection, asked)
}

const SENTENCE = 'What does a token cost, in joules?'

/** One answers with a token for about each word at least, and for each byte at most. */
async function isTokenizer(count: CountTokens): Promise<boolean> {
  const tokens = await count(SENTENCE)
  return tokens !== null && tokens >= SENTENCE.split(' ').length && tokens <= SENTENCE.length
}

/** The server's own tokenizer, which some have whose engine nobody knows, else that of the model where it is at hand. */
async function tokenCounter(
  connection: Connection,
  { dialect, resolved }: ServedModel,
  model: string,
): Promise<CountTokens | null> {
  const askServer = (text: string) => tokensOfAnswer(text, { connection, dialect, model: resolved.name })
  return canTokenize(dialect) || (await isTokenizer(askServer)) ? askServer : localTokenizer(model)
}

/** An answer that names another model is no answer of the one that was asked for. */
export function refuseOther({ plan, asked, served }: LoadedServer, answered: string | null): void {
  if (answered === null || mayAnswer(asked, served.resolved, answered)) return
  throw answersOther(plan.title, asked, served.resolved.name, answered)
}

function otherContext(title: string, wanted: number, told: number): LlemError {
  return new LlemError(`${title} was to have a context of ${wanted} tokens and says that it has ${told}`, {
    code: 'CONTEXT_DIFFERS',
    hint: 'Ask for what it can have, or leave the length out.',
  })
}

export async function prepare(
  { plan, connection, served }: LoadedServer,
  prompts: readonly Prompt[],
  generation: Generation,
): Promise<PreparedPrompts> {
  const { dialect } = served
  const model = served.resolved.name
  const context = { connection, dialect, model, endpoint: plan.endpoint }
  const prepared = await preparePrompts(prompts, generation, context)
  const beside = bytesBeside(plan.extra_body)
  for (const prompt of prepared.prompts) {
    prompt.bytesBeside = beside
    if (setsLengths(plan.extra_body)) prompt.isLimitUnknown = true
  }
  return prepared
}

export function send(
  { plan, connection, served }: LoadedServer,
  prompt: ServedPrompt,
  generation: Generation,
  without: ReadonlySet<string>,
  listeners: Pick<StreamOptions, 'onFirst' | 'onText'>,
): TokenStream {
  const { endpoint, extra_body: extraBody, request_timeout_ms: timeoutMs } = plan
  const { dialect } = served
  const model = served.resolved.name
  const options = { endpoint, model, dialect, leftOut: without, extraBody }
  const body = requestBody(prompt, generation, options)
  return new TokenStream(connection, { path: ENDPOINT_PATHS[endpoint], body, timeoutMs, ...listeners })
}

/** One request with its text, which waits as long as the server asks for (Retry-After), within the limit of a request. */
export async function askPatiently(
  server: LoadedServer,
  prompt: ServedPrompt,
  generation: Generation,
): Promise<{ end: Answered | Failed; text: string }> {
  const { leftOut } = server
  const startNs = nowNs()
  for (let attempts = 1; ; attempts += 1) {
    let text = ''
    const onText = (piece: string) => {
      text += piece
    }
    const end = await send(server, prompt, generation, leftOut.keysFor(ALONE), { onText }).done
    if (!end.ok && leftOut.isSentOtherwise(ALONE, end)) continue
    leftOut.ended(ALONE, end.ok)
    const askedMs = end.ok ? null : end.retryAfterMs
    const mostMs = server.plan.request_timeout_ms
    if (askedMs === null || (end.endNs - startNs) / 1e6 + askedMs > mostMs) return { end, text }
    await sleep(waitAfter(attempts, askedMs))
  }
}

export function requestFailed(
  title: string,
  { code, message }: { code: string; message: string },
): LlemError {
  return new LlemError(`a request to ${title} failed (${code}): ${mask(message)}`, {
    code: 'REQUEST_FAILED',
    hint: null,
  })
}
