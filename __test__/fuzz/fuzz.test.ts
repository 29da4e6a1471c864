// Text and bytes of others, mutated: no reader may fail in another way than it says, nor take long. A thousand inputs in all;
// `npm run fuzz` takes a million. Recordings, recovery, scenarios and windows: crates/meter/src/fuzz_tests.rs.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import type { Connection } from '../../dist/backends/server/connection.js'
import { TokenStream } from '../../dist/backends/server/stream.js'
import { loadExperimentConfig } from '../../dist/config/load.js'
import { loadCampaign } from '../../dist/config/load-campaign.js'
import { LlemError } from '../../dist/core/errors.js'
import { limitedJson, TooMuchError } from '../../dist/core/limited.js'
import { configFacts, type ModelConfig } from '../../dist/models/config/facts.js'
import { GgufCursor, GgufFormatError } from '../../dist/models/gguf/cursor.js'
import { ggufFacts } from '../../dist/models/gguf/facts.js'
import { readGgufHeader, requiredBytes } from '../../dist/models/gguf/header.js'
import { readPromptFile } from '../../dist/prompts/prompt-file.js'
import { readResult } from '../../dist/results/read.js'
import { LineSplitter } from '../../dist/workers/line-splitter.js'
import { parseWorkerLine } from '../../dist/workers/worker-line.js'
import { ggufBytes } from '../models/gguf-bytes.js'
import { scratchFolder } from '../native/scenario.js'
import { mutants } from './mutate.js'

/** Of each reader. */
const COUNT = Number(process.env.LLEM_TEST_FUZZ ?? 100)
const LIMIT_MS = 2000

vi.setConfig({ testTimeout: 60_000 + COUNT * 50 })

const folder = scratchFolder()
const own = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)))
const texts = (...all: string[]) => all.map((text) => Buffer.from(text))

const gguf = ggufBytes(
  {
    'general.architecture': 'llama',
    'llama.block_count': 2,
    'llama.embedding_length': 64,
    'llama.attention.head_count': 4,
    'llama.feed_forward_length': 128,
    'tokenizer.ggml.tokens': [1, 2, 3],
  },
  [
    { name: 'token_embd.weight', dimensions: [64, 32] },
    { name: 'blk.0.attn_q.weight', dimensions: [64, 64] },
  ],
)
const config = `{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
 "num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": 32, "tie_word_embeddings": false,
 "rope_scaling": {"factor": 8.0, "rope_type": "llama3"}, "quantization_config": {"bits": 4}}`
const experiment = `model: m.gguf
backend: server
n_prompts: 3 # a few
server: { base_url: "http://127.0.0.1:9", env: { A: "b" } }
generation:
  max_tokens: 4
  seed: 1
energy: { devices: [0, 1], interval_ms: 20 }
`
const campaign = `campaign_name: c
model: m.gguf
grid: { shared: { generation.max_tokens: [1, 2], n_prompts: [3, 4] } }
experiments: [{ generation: { seed: 1 } }]
execution: { cycles: 2, structure: shuffled }
`
const chunk = '{"choices": [{"index": 0, "text": "word ", "finish_reason": null}]}'
const events = `data: ${chunk}\n\ndata: ${chunk}\n\ndata: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}\n\ndata: [DONE]\n\n`

function jsonOf(bytes: Buffer): unknown {
  return limitedJson(bytes.toString('utf8'))
}

/** A connection that the test speaks for. */
const target = { pool: { dispatch: () => true }, origin: 'http://nowhere', path: '/', headers: {} }
const connection = {
  target: () => target,
  hasAnswered: false,
  waits: { close: 20, usageInPlaceMs: 20, usage: 3000 },
}

interface Reader {
  name: string
  corpus: Buffer[]
  read(bytes: Buffer): unknown
  /** Errors that say what is wrong. */
  refusals: readonly (new (
    ...args: never[]
  ) => Error)[]
}

const READERS: Reader[] = [
  {
    name: 'GGUF',
    corpus: [gguf],
    read(bytes) {
      const header = readGgufHeader(GgufCursor.ofBuffer(bytes))
      requiredBytes(header)
      return ggufFacts(header)
    },
    refusals: [GgufFormatError],
  },
  {
    name: 'the config.json of a model',
    corpus: texts(config),
    read: (bytes) => configFacts(jsonOf(bytes) as ModelConfig),
    refusals: [SyntaxError, TooMuchError],
  },
  {
    name: 'an experiment',
    corpus: texts(experiment, campaign),
    read: (bytes) => loadExperimentConfig({ text: bytes.toString('utf8') }),
    refusals: [],
  },
  {
    name: 'a campaign',
    corpus: texts(campaign, experiment),
    read: (bytes) => loadCampaign({ path: join(folder, 'c.yaml'), text: bytes.toString('utf8') }),
    refusals: [],
  },
  {
    name: 'a file of prompts',
    corpus: texts('{"prompt": "a"}\n"b"\n{"text": "c", "input_tokens": 3}\n', '[{"role": "user"}]'),
    read(bytes) {
      const path = join(folder, 'prompts.jsonl')
      writeFileSync(path, bytes)
      return readPromptFile(path, { field: null, needed: 10 })
    },
    refusals: [LlemError],
  },
  {
    name: 'a stream of events',
    corpus: texts(events),
    read(bytes) {
      const options = { path: '/', body: '', timeoutMs: 60_000, onText: () => undefined }
      const stream = new TokenStream(connection as unknown as Connection, options)
      stream.onConnect(() => undefined)
      stream.onHeaders(200, [])
      const middle = bytes.length >> 1
      for (const part of [bytes.subarray(0, middle), bytes.subarray(middle)]) stream.onData(part)
      stream.onComplete()
      return stream.done
    },
    refusals: [],
  },
  {
    name: 'the lines of a worker',
    corpus: texts(
      '{"id": 1, "ok": true}\n{"id": 2, "ok": false, "error": {"code": "X", "message": "y"}}\nnoise\n',
    ),
    read: (bytes) => [...new LineSplitter().push(bytes)].map(parseWorkerLine),
    refusals: [],
  },
  {
    name: 'a result',
    corpus: [own('../results/fixtures/run-3.0.0.json'), own('../results/fixtures/exec-3.0.0.json')],
    read(bytes) {
      writeFileSync(join(folder, 'result.json'), bytes)
      return readResult(folder)
    },
    refusals: [LlemError],
  },
]

it.for(READERS)('$name of others is read or refused, and neither takes long', async (reader) => {
  const next = mutants(reader.corpus, 29)
  let [whole, slowestMs] = [0, 0]
  // What nobody has changed is read.
  await reader.read(reader.corpus[0] ?? Buffer.alloc(0))
  for (let number = 0; number < COUNT; number++) {
    const bytes = next()
    const startMs = performance.now()
    try {
      await reader.read(bytes)
      whole += 1
    } catch (error) {
      if (!reader.refusals.some((refusal) => error instanceof refusal))
        throw new Error(`input ${number} (${bytes.toString('base64').slice(0, 4000)}): ${error}`, {
          cause: error,
        })
    }
    slowestMs = Math.max(slowestMs, performance.now() - startMs)
    expect(slowestMs, `input ${number}`).toBeLessThan(LIMIT_MS)
  }
  console.info(`${reader.name}: ${COUNT} inputs, ${whole} read, the slowest in ${slowestMs.toFixed(0)} ms`)
})
