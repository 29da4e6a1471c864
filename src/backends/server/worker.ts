import { isDeepStrictEqual } from 'node:util'
import { learnSecrets } from '../../core/secrets.js'
import { residentBytes } from '../../workers/process-tree.js'
import type { InferOne, LoadInfo, Prompt, RequestOf, RunTotals } from '../protocol.js'
import { serveWorker, type Telling } from '../serve.js'
import { visibleUuids } from '../visible-devices.js'
import { AnswerTexts } from './answer-texts.js'
import { apiKeyOf } from './api-key.js'
import { Connection } from './connection.js'
import { freePort } from './free-port.js'
import { NOT_KEPT } from './in-memory.js'
import { driveLoad, ONE_AFTER_THE_OTHER } from './load-generator.js'
import {
  askPatiently,
  bringIntoMemory,
  type LoadedServer,
  prepare,
  refuseOther,
  requestFailed,
  send,
  whenReady,
} from './loaded-server.js'
import { factsOf } from './model-facts.js'
import { nowNs } from './now.js'
import { serverPlanSchema } from './plan.js'
import type { PreparedPrompts } from './prompts.js'
import type { ServedPrompt } from './request-body.js'
import { died, serverDeath, trueCause } from './server-death.js'
import type { ServerProcess } from './server-process.js'
import { LOCAL, processesOf, startServer } from './start-server.js'
import { Tally, tokensOf, verdictOfAnswer } from './tally.js'

// Started as: node server-worker.js. It starts a server as its child, or finds one, and drives the load.

const ALIVE_EVERY_MS = 10_000

type ReadyRequest = RequestOf<'prepare'>

/** The server that was started; null: it ran already. */
let own: ServerProcess | null = null
let loaded: LoadedServer | null = null
/** What the next run gets, so that its window holds inference and nothing else. */
let readied: { request: ReadyRequest; prepared: PreparedPrompts } | null = null

serveWorker({
  async hello() {
    return { backend: 'server', versions: { node: process.versions.node } }
  },

  async load({ model, options }, tell) {
    if (loaded !== null || own !== null) throw new Error('a server is there already')
    const startNs = nowNs()
    const plan = serverPlanSchema.parse(options)
    learnSecrets(plan)
    const say = (text: string) => tell.progress(text)
    const key = apiKeyOf(plan, { ...process.env, ...plan.env })
    const port = plan.port ?? (await freePort())
    const address = plan.base_url ?? `http://${plan.service?.address ?? LOCAL}:${port}`
    own = startServer(plan, port)
    const awaited = { plan, model, connection: new Connection(address, key), process: own }
    loaded = await orTrueCause(whenReady(awaited, say))
    await orTrueCause(bringIntoMemory(loaded, say))
    return loadInfo(loaded, model, (nowNs() - startNs) / 1e6)
  },

  async inferOne({ prompt, generation }): Promise<InferOne> {
    const { prompts } = await orTrueCause(prepare(theServer(), [prompt], generation))
    const [prepared] = prompts
    if (prepared === undefined) throw new Error('a prompt was lost')
    const { end, text } = await askPatiently(theServer(), prepared, generation)
    if (own?.how != null) throw died(own)
    if (!end.ok) throw requestFailed(theServer().plan.title, end)
    refuseOther(theServer(), end.model)
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
      const prepared = await orTrueCause(prepare(theServer(), request.prompts, request.generation))
      readied = { request, prepared }
    } finally {
      clearInterval(alive)
    }
  },

  run,

  async memory() {
    const { plan } = theServer()
    if (own?.how != null) throw died(own)
    // What an attached server holds is out of reach, and NVML's numbers are those of the whole device.
    const rss_bytes = own === null ? null : residentBytes(processesOf(own, plan))
    return { rss_bytes, vram_bytes: null, vram_peak_bytes: null }
  },

  async unload() {
    await loaded?.connection.close()
    loaded = null
    await own?.end()
    own = null
  },

  async leave() {
    await own?.end()
  },
})

async function run({ prompts, generation, load }: RequestOf<'run'>, tell: Telling): Promise<RunTotals> {
  const alive = setInterval(() => tell.alive(), ALIVE_EVERY_MS)
  try {
    const server = theServer()
    const prepared = takeReadied({ prompts, generation }) ?? (await prepare(server, prompts, generation))
    const tally = new Tally(prepared.prompts)
    const { leftOut, countTokens, isForgotten } = server
    const texts = countTokens === null ? null : new AnswerTexts()
    const at = (index: number): ServedPrompt => {
      const prompt = prepared.prompts[index]
      if (prompt === undefined) throw new Error(`there is no prompt ${index}`)
      return prompt
    }
    const driven = await driveLoad({
      count: prompts.length,
      load: load ?? ONE_AFTER_THE_OTHER,
      mostWaitMs: server.plan.request_timeout_ms,
      send: (index, onFirst) =>
        send(server, at(index), generation, leftOut.keysFor(index), {
          onFirst,
          ...(texts && { onText: texts.listener(index) }),
        }),
      tokensOf: (index, answer) => tokensOf(at(index), answer),
      isSentOtherwise: (index, end) => leftOut.isSentOtherwise(index, end),
      onEnd: (outcome) => {
        leftOut.ended(outcome.index, outcome.end.ok)
        if (outcome.end.ok) refuseOther(server, outcome.end.model)
        const { index, end } = outcome
        if (texts?.ended(outcome, at(index))) return
        const record = tally.add(outcome)
        if (record !== null) tell.request(record)
        else if (!end.ok) {
          const { code, message, startNs, endNs } = end
          tell.failure({ index, code, message, start_ns: startNs, end_ns: endNs })
        }
      },
      lost: serverDeath(own),
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
    throw await trueCause(error, own)
  } finally {
    clearInterval(alive)
  }
}

function theServer(): LoadedServer {
  if (loaded === null) throw new Error('no server is there')
  return loaded
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

function loadInfo({ served, plan }: LoadedServer, model: string, loadMs: number): LoadInfo {
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
      own === null ? null : visibleUuids(plan.env.CUDA_VISIBLE_DEVICES ?? process.env.CUDA_VISIBLE_DEVICES),
    device_names: null,
    compute: 'server',
    gpu_layers: null,
    threads: null,
    context_size: served.contextSize,
    train_context_size: served.trainContextSize,
    load_ms: loadMs,
    server_pid: own?.pid ?? null,
    server: served.identity,
  }
}

async function orTrueCause<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw await trueCause(error, own)
  }
}
