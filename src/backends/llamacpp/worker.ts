import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LlemError, messageOf } from '../../core/errors.js'
import type { RequestRecord, RunTotals } from '../protocol.js'
import { serveWorker } from '../serve.js'
import { spreadOf } from '../spread.js'
import type { LlamaModule, LlamaSequence } from './binding.js'
import { type Engine, loadEngine } from './engine.js'
import { type Generated, generate, itlsMs, latencyMs, outputDigest, ttftMs } from './generate.js'
import { LIBRARY_ENTRY } from './packages.js'
import { type PreparedPrompt, preparePrompt } from './tokens.js'

// Started as: node llamacpp-worker.js <folder with node-llama-cpp in its node_modules>

let library: LlamaModule | null = null
let engine: Engine | null = null

serveWorker({
  async hello() {
    library = await importLibrary(process.argv[2] ?? '.')
    return {
      backend: 'llamacpp',
      versions: { node: process.versions.node, 'node-llama-cpp': await library.getModuleVersion() },
    }
  },

  async load({ model, options }) {
    if (library === null) throw new Error('load came before hello')
    if (engine !== null) throw new Error('a model is loaded already')
    engine = await loadEngine(library, model, options)
    return engine.info
  },

  async inferOne({ prompt, generation }) {
    const { model, sequences, contextSize } = loaded()
    const prepared = preparePrompt(prompt, generation, model, contextSize)
    // On every sequence, because the run's batches are as wide.
    const answers = await Promise.all(
      sequences.map((sequence) => generate(sequence, model, prepared, generation)),
    )
    const [generated] = answers
    if (generated === undefined) throw new Error('there is no sequence')
    return {
      latency_ms: Math.max(...answers.map(latencyMs)),
      input_tokens: prepared.tokens.length,
      output_tokens: generated.tokens.length,
      ttft_ms: ttftMs(generated),
      truncated: prepared.truncated,
      text: model.detokenize(generated.tokens),
    }
  },

  async run({ prompts, generation }, tell) {
    const { model, sequences, contextSize } = loaded()
    // Tokenised beforehand: the window holds inference and nothing else.
    const prepared = prompts.map((prompt) => preparePrompt(prompt, generation, model, contextSize))
    const records: RequestRecord[] = []
    const itls: number[] = []
    const startNs = process.hrtime.bigint()
    // One iterator for all sequences: each takes the next prompt when it has answered one.
    const waiting = prepared.entries()
    const answer = async (sequence: LlamaSequence) => {
      for (const [index, prompt] of waiting) {
        const generated = await generate(sequence, model, prompt, generation)
        const requestItls = itlsMs(generated)
        for (const itl of requestItls) itls.push(itl)
        const record = recordOf(index, prompt, generated, requestItls)
        records.push(record)
        tell.request(record)
      }
    }
    await Promise.all(sequences.map(answer))
    return totalsOf(records, itls, startNs, process.hrtime.bigint())
  },

  async memory() {
    return loaded().memory()
  },

  async unload() {
    await engine?.dispose()
    engine = null
  },
})

function loaded(): Engine {
  if (engine === null) throw new Error('no model is loaded')
  return engine
}

async function importLibrary(folder: string): Promise<LlamaModule> {
  try {
    return (await import(pathToFileURL(join(folder, LIBRARY_ENTRY)).href)) as LlamaModule
  } catch (error) {
    throw new LlemError(`node-llama-cpp cannot be imported: ${messageOf(error)}`, {
      code: 'BACKEND_BROKEN',
      hint: 'Run: llem backend install llamacpp',
      cause: error,
    })
  }
}

function recordOf(
  index: number,
  prompt: PreparedPrompt,
  generated: Generated,
  itls: number[],
): RequestRecord {
  return {
    index,
    input_tokens: prompt.tokens.length,
    output_tokens: generated.tokens.length,
    start_ns: Number(generated.startNs),
    end_ns: Number(generated.endNs),
    scheduled_ns: null,
    ttft_ms: ttftMs(generated),
    itl_ms: spreadOf(itls),
    finish_reason: generated.finishReason,
    attempts: 1,
    truncated: prompt.truncated,
    output_digest: outputDigest(generated.tokens),
  }
}

function totalsOf(
  records: readonly RequestRecord[],
  itls: number[],
  startNs: bigint,
  endNs: bigint,
): RunTotals {
  const sum = (count: (record: RequestRecord) => number) =>
    records.reduce((total, record) => total + count(record), 0)
  return {
    requests: records.length,
    input_tokens: sum((record) => record.input_tokens ?? 0),
    output_tokens: sum((record) => record.output_tokens),
    truncated: sum((record) => (record.truncated ? 1 : 0)),
    start_ns: Number(startNs),
    end_ns: Number(endNs),
    ttft_ms: spreadOf(records.flatMap(({ ttft_ms }) => (ttft_ms === null ? [] : [ttft_ms]))),
    itl_ms: spreadOf(itls),
    failures: 0,
    retries: 0,
    steady: null,
    steady_reason: null,
    served: null,
  }
}
