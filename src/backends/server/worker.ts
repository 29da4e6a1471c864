import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { LlemError } from '../../core/errors.js'
import { learnSecrets, mask } from '../../core/secrets.js'
import { containerPids } from '../../workers/container-processes.js'
import { residentBytes } from '../../workers/process-tree.js'
import { inService } from '../../workers/service.js'
import type { Generation, InferOne, LoadInfo, Prompt, RequestOf, RunTotals } from '../protocol.js'
import { serveWorker, type Telling } from '../serve.js'
import { visibleUuids } from '../visible-devices.js'
import { AnswerTexts } from './answer-texts.js'
import { apiKeyOf } from './api-key.js'
import { Connection, unreachable } from './connection.js'
import { freePort } from './free-port.js'
import { answersOther, askServedModel, type ServedModel } from './identify.js'
import { isInMemory, NOT_KEPT } from './in-memory.js'
import { LeftOut } from './left-out.js'
import { driveLoad, ONE_AFTER_THE_OTHER } from './load-generator.js'
import { type CountTokens, localTokenizer } from './local-tokenizer.js'
import { factsOf } from './model-facts.js'
import { nowNs } from './now.js'
import { type ServerPlan, serverPlanSchema } from './plan.js'
import { canTokenize, type PreparedPrompts, preparePrompts, tokensOfAnswer } from './prompts.js'
import { waitUntilReady } from './readiness.js'
import { bytesBeside, ENDPOINT_PATHS, requestBody, type ServedPrompt, setsLengths } from './request-body.js'
import { waitAfter } from './response-headers.js'
import { type AskedModel, mayAnswer } from './served-model.js'
import { ServerProcess } from './server-process.js'
import { type Answered, type Failed, type StreamOptions, TokenStream } from './stream.js'
import { Tally, tokensOf, verdictOfAnswer } from './tally.js'

// Started as: node server-worker.js. It starts a server as its child, or finds one, and drives the load.

/** Reached by nobody else. */
const LOCAL = '127.0.0.1'
const ALIVE_EVERY_MS = 10_000
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
/** From a broken connection to the end of the process that held it, with its last words. */
const DYING_MS = 1000

type ReadyRequest = RequestOf<'prepare'>

/** A server that is ready. */
interface Loaded {
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

let server: ServerProcess | null = null
let loaded: Loaded | null = null
/** What the next run gets, so that its window holds inference and nothing else. */
let readied: { request: ReadyRequest; prepared: PreparedPrompts } | null = null

serveWorker({
  async hello() {
    return { backend: 'server', versions: { node: process.versions.node } }
  },

  async load({ model, options }, tell) {
    if (loaded !== null || server !== null) throw new Error('a server is there already')
    const startNs = nowNs()
    const plan = serverPlanSchema.parse(options)
    learnSecrets(plan)
    loaded = await orTrueCause(ready(plan, model, (text) => tell.progress(text)))
    await orTrueCause(bringIntoMemory(loaded, (text) => tell.progress(text)))
    return loadInfo(loaded, model, (nowNs() - startNs) / 1e6)
  },

  async inferOne({ prompt, generation }): Promise<InferOne> {
    const { prompts } = await orTrueCause(prepare([prompt], generation))
    const [prepared] = prompts
    if (prepared === undefined) throw new Error('a prompt was lost')
    const { end, text } = await askPatiently(prepared, generation)
    if (server?.how != null) throw died(server)
    if (!end.ok) throw requestFailed(theServer().plan.title, end)
    refuseOther(end.model)
    const tokens = tokensOf(prepared, end)
    const [firstNs] = end.chunkTimesNs
    const isSeen = firstNs !== undefined && verdictOfAnswer(end, tokens.output) !== 'buffered'
    return {
      latency_ms: (end.endNs - end.startNs) / 1e6,
      input_tokens: tokens.input,
      output_tokens: tokens.output,
      ttft_ms: isSeen ? (firstNs - end.startNs) / 1e6 : null,
      truncated: prepared.truncated,
      text,
    }
  },

  async prepare(request, tell) {
    const alive = setInterval(() => tell.alive(), ALIVE_EVERY_MS)
    try {
      // It may have forgotten the model since it was loaded.
      await orTrueCause(bringIntoMemory(theServer()))
      readied = { request, prepared: await orTrueCause(prepare(request.prompts, request.generation)) }
    } finally {
      clearInterval(alive)
    }
  },

  run,

  async memory() {
    theServer()
    if (server?.how != null) throw died(server)
    // What an attached server holds is out of reach, and NVML's numbers are those of the whole device.
    const rss_bytes = server === null ? null : residentBytes(processesOf(server))
    return { rss_bytes, vram_bytes: null, vram_peak_bytes: null }
  },

  async unload() {
    await loaded?.connection.close()
    loaded = null
    await server?.end()
    server = null
  },

  async leave() {
    await server?.end()
  },
})

async function run({ prompts, generation, load }: RequestOf<'run'>, tell: Telling): Promise<RunTotals> {
  const alive = setInterval(() => tell.alive(), ALIVE_EVERY_MS)
  try {
    const prepared = takeReadied({ prompts, generation }) ?? (await prepare(prompts, generation))
    const tally = new Tally(prepared.prompts)
    const { leftOut, countTokens, isForgotten } = theServer()
    const texts = countTokens === null ? null : new AnswerTexts()
    const at = (index: number): ServedPrompt => {
      const prompt = prepared.prompts[index]
      if (prompt === undefined) throw new Error(`there is no prompt ${index}`)
      return prompt
    }
    const driven = await driveLoad({
      count: prompts.length,
      load: load ?? ONE_AFTER_THE_OTHER,
      mostWaitMs: theServer().plan.request_timeout_ms,
      send: (index, onFirst) =>
        send(at(index), generation, leftOut.keysFor(index), {
          onFirst,
          ...(texts && { onText: texts.listener(index) }),
        }),
      tokensOf: (index, answer) => tokensOf(at(index), answer),
      isSentOtherwise: (index, end) => leftOut.isSentOtherwise(index, end),
      onEnd: (outcome) => {
        leftOut.ended(outcome.index, outcome.end.ok)
        if (outcome.end.ok) refuseOther(outcome.end.model)
        const { index, end } = outcome
        if (texts?.ended(outcome, at(index))) return
        const record = tally.add(outcome)
        if (record !== null) tell.request(record)
        else if (!end.ok) {
          const { code, message, startNs, endNs } = end
          tell.failure({ index, code, message, start_ns: startNs, end_ns: endNs })
        }
      },
      lost: serverDeath(),
    })
    // After the last answer, so that what it costs the server is not measured.
    const counted = countTokens === null ? undefined : await texts?.counted(countTokens)
    for (const { outcome, tokens } of counted?.uncounted ?? []) {
      const record = tally.add(outcome, tokens)
      if (record !== null) tell.request(record)
    }
    tally.compare(counted?.witnesses ?? [])
    return tally.totals(
      driven,
      [...prepared.notes, ...leftOut.notes, ...(isForgotten ? [NOT_KEPT] : [])],
      generation,
    )
  } catch (error) {
    throw await trueCause(error)
  } finally {
    clearInterval(alive)
  }
}

/** What was readied for the same prompts and the same generation; null where nothing was. */
function takeReadied({ prompts, generation }: ReadyRequest): PreparedPrompts | null {
  const taken = readied
  readied = null
  const isSame =
    taken !== null &&
    taken.request.prompts.length === prompts.length &&
    isDeepStrictEqual(taken.request.generation, generation) &&
    prompts.every((prompt, index) => isSamePrompt(prompt, taken.request.prompts[index]))
  return isSame ? taken.prepared : null
}

/** Much faster than comparing any two objects, and there may be 100,000. */
function isSamePrompt(a: Prompt, b: Prompt | undefined): boolean {
  return (
    a.text === b?.text &&
    a.system === b.system &&
    a.input_tokens === b.input_tokens &&
    a.max_input_tokens === b.max_input_tokens &&
    a.output_tokens === b.output_tokens
  )
}

async function prepare(
  prompts: RequestOf<'run'>['prompts'],
  generation: Generation,
): Promise<PreparedPrompts> {
  const { plan, connection, served } = theServer()
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

function send(
  prompt: ServedPrompt,
  generation: Generation,
  without: ReadonlySet<string>,
  listeners: Pick<StreamOptions, 'onFirst' | 'onText'>,
): TokenStream {
  const { plan, connection, served } = theServer()
  const { endpoint, extra_body: extraBody, request_timeout_ms: timeoutMs } = plan
  const { dialect } = served
  const model = served.resolved.name
  const options = { endpoint, model, dialect, leftOut: without, extraBody }
  const body = requestBody(prompt, generation, options)
  return new TokenStream(connection, { path: ENDPOINT_PATHS[endpoint], body, timeoutMs, ...listeners })
}

/** One request with its text, which waits as long as the server asks for (Retry-After), within the limit of a request. */
async function askPatiently(
  prompt: ServedPrompt,
  generation: Generation,
): Promise<{ end: Answered | Failed; text: string }> {
  const { leftOut } = theServer()
  const startNs = nowNs()
  for (let attempts = 1; ; attempts += 1) {
    let text = ''
    const onText = (piece: string) => {
      text += piece
    }
    const end = await send(prompt, generation, leftOut.keysFor(ALONE), { onText }).done
    if (!end.ok && leftOut.isSentOtherwise(ALONE, end)) continue
    leftOut.ended(ALONE, end.ok)
    const askedMs = end.ok ? null : end.retryAfterMs
    const mostMs = theServer().plan.request_timeout_ms
    if (askedMs === null || (end.endNs - startNs) / 1e6 + askedMs > mostMs) return { end, text }
    await sleep(waitAfter(attempts, askedMs))
  }
}

async function ready(plan: ServerPlan, model: string, tell: (text: string) => void): Promise<Loaded> {
  const key = apiKeyOf(plan, { ...process.env, ...plan.env })
  const port = plan.port ?? (await freePort())
  const connection = new Connection(plan.base_url ?? `http://${plan.service?.address ?? LOCAL}:${port}`, key)
  const { title } = plan
  server = start(plan, port)
  const timeoutMs = plan.load_timeout_ms
  await waitUntilReady(connection, { title, server, timeoutMs, tell })
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
async function bringIntoMemory(server: Loaded, tell?: (text: string) => void): Promise<void> {
  const { plan, connection, asked, served } = server
  const isThere = () => isInMemory(connection, served.identity.observed.engine, served.resolved.name)
  if ((await isThere()) === true) return
  tell?.(`${plan.title} loads the model`)
  const { prompts } = await prepare([{ text: 'Hello' }], ONE_TOKEN)
  const [prompt] = prompts
  if (prompt === undefined) throw new Error('a prompt was lost')
  const { end } = await askPatiently(prompt, ONE_TOKEN)
  if (!end.ok) throw requestFailed(plan.title, end)
  refuseOther(end.model)
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
function refuseOther(answered: string | null): void {
  const { plan, asked, served } = theServer()
  if (answered === null || mayAnswer(asked, served.resolved, answered)) return
  throw answersOther(plan.title, asked, served.resolved.name, answered)
}

function otherContext(title: string, wanted: number, told: number): LlemError {
  return new LlemError(`${title} was to have a context of ${wanted} tokens and says that it has ${told}`, {
    code: 'CONTEXT_DIFFERS',
    hint: 'Ask for what it can have, or leave the length out.',
  })
}

function start(plan: ServerPlan, port: number): ServerProcess | null {
  const { service, title } = plan
  const fill = (part: string) =>
    part.replaceAll('{port}', String(port)).replaceAll('{host}', service?.listen ?? LOCAL)
  const filled = (plan.command ?? []).map(fill)
  // Some are told by a variable where to listen.
  const own = Object.fromEntries(Object.entries(plan.env).map(([name, value]) => [name, fill(value)]))
  const [command, ...args] = filled
  if (command === undefined) return null
  // Without this, Python keeps what it says from a pipe for as long as it likes.
  const env = { PYTHONUNBUFFERED: '1', ...own }
  const run =
    service === null
      ? { command, args, env: { ...env, ...process.env, ...own } }
      : inService(service, {
          backend: title,
          run: { command: filled },
          stdin: 'hold',
          from: process.env,
          env,
        })
  const log = (line: string) => process.stderr.write(`${line}\n`)
  return new ServerProcess({ title, ...run, env: run.env ?? process.env, log })
}

/** What the server is made of. Of one in a container the child here is only the client. */
function processesOf(own: ServerProcess): readonly { pid: number }[] {
  const { service } = theServer().plan
  const id = service?.exec === undefined ? service?.container_id : undefined
  return id === undefined ? own.processes : containerPids(id).map((pid) => ({ pid }))
}

function loadInfo({ served, plan }: Loaded, model: string, loadMs: number): LoadInfo {
  const { facts, dtype, quantisation } = factsOf(model)
  const { observed } = served.identity
  return {
    model,
    facts,
    // What the server says it runs with, before what lies on this machine.
    dtype: observed.dtype ?? dtype,
    quantisation: observed.quantisation ?? quantisation,
    versions: served.versions,
    device_uuids:
      server === null
        ? null
        : visibleUuids(plan.env.CUDA_VISIBLE_DEVICES ?? process.env.CUDA_VISIBLE_DEVICES),
    device_names: null,
    compute: 'server',
    gpu_layers: null,
    threads: null,
    context_size: served.contextSize,
    train_context_size: served.trainContextSize,
    load_ms: loadMs,
    server_pid: server?.pid ?? null,
    server: served.identity,
  }
}

function theServer(): Loaded {
  if (loaded === null) throw new Error('no server is there')
  return loaded
}

/** Rejects when the server that was started ends by itself. */
function serverDeath(): Promise<never> {
  const own = server
  return new Promise((_, reject) => {
    void own?.ended.then(() => reject(died(own)))
  })
}

const FAILED_BY_ITS_END = ['REQUESTS_FAILED', 'SERVER_UNREACHABLE']

/** A server that dies breaks its connections first: its end says more than what failed with it. */
async function trueCause(error: unknown): Promise<unknown> {
  if (!(error instanceof LlemError) || !FAILED_BY_ITS_END.includes(error.code) || server === null)
    return error
  return Promise.race([serverDeath().catch((death: unknown) => death), sleep(DYING_MS, error)])
}

async function orTrueCause<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw await trueCause(error)
  }
}

function died(own: ServerProcess): LlemError {
  return new LlemError(`${own.title} ${own.how} while it was needed`, {
    code: 'SERVER_DIED',
    hint: own.lastWords,
  })
}

function requestFailed(title: string, { code, message }: { code: string; message: string }): LlemError {
  return new LlemError(`a request to ${title} failed (${code}): ${mask(message)}`, {
    code: 'REQUEST_FAILED',
    hint: null,
  })
}
