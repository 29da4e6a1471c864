// What llem reads of others, each with files that are right and the errors by which it may refuse one.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parquetWriteBuffer } from 'hyparquet-writer'
import type { Connection } from '../../dist/backends/server/connection.js'
import { modelList } from '../../dist/backends/server/model-list.js'
import { TokenStream } from '../../dist/backends/server/stream.js'
import { meterRecord } from '../../dist/calibration/meter-file.js'
import { readPlan } from '../../dist/campaign/folder.js'
import { loadExperimentConfig } from '../../dist/config/load.js'
import { loadCampaign } from '../../dist/config/load-campaign.js'
import { LlemError } from '../../dist/core/errors.js'
import { limitedJson, TooMuchError } from '../../dist/core/limited.js'
import { ClippedLines } from '../../dist/energy/external/clipped-lines.js'
import { parseMeterLine } from '../../dist/energy/external/protocol.js'
import { WindowIntegral } from '../../dist/energy/external/window-integral.js'
import { configFacts, type ModelConfig } from '../../dist/models/config/facts.js'
import { GgufCursor, GgufFormatError } from '../../dist/models/gguf/cursor.js'
import { ggufFacts } from '../../dist/models/gguf/facts.js'
import { readGgufHeader, requiredBytes } from '../../dist/models/gguf/header.js'
import { storedTensors } from '../../dist/models/safetensors/header.js'
import { readParquetFile } from '../../dist/prompts/parquet-file.js'
import { readPromptFile } from '../../dist/prompts/prompt-file.js'
import { readResult } from '../../dist/results/read.js'
import { LineSplitter } from '../../dist/workers/line-splitter.js'
import { parseWorkerLine } from '../../dist/workers/worker-line.js'
import { planned } from '../campaign/written.js'
import { ggufBytes } from '../models/gguf-bytes.js'
import { scratchFolder } from '../native/scenario.js'

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

const head = JSON.stringify({
  __metadata__: { format: 'pt' },
  'model.layers.0.self_attn.q_proj.weight': { dtype: 'BF16', shape: [64, 64], data_offsets: [0, 8192] },
  'lm_head.weight': { dtype: 'U8', shape: [32, 64], data_offsets: [8192, 10240] },
})
const safetensors = Buffer.alloc(8 + head.length)
safetensors.writeBigUInt64LE(BigInt(head.length))
safetensors.write(head, 8)
written('several/x.safetensors', safetensors)

/** Two columns in two row groups, with and without a dictionary. */
function table(codec: 'UNCOMPRESSED' | 'SNAPPY'): Buffer {
  const text = Array.from({ length: 40 }, (_, index) => (codec === 'SNAPPY' ? 'again' : `row ${index}`))
  const columnData = [
    { name: 'id', data: text.map((_, index) => index), type: 'INT32' as const },
    { name: 'text', data: text, type: 'STRING' as const },
  ]
  return Buffer.from(parquetWriteBuffer({ columnData, codec, rowGroupSize: 25 }))
}

/** The path of a file with these bytes. */
function written(name: string, bytes: Buffer): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
  return path
}

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

export interface Reader {
  name: string
  corpus: Buffer[]
  /** `silenceMs`: how long a decoder in a thread of its own may say nothing. */
  read(bytes: Buffer, silenceMs: number): unknown
  /** Classes of the errors that say what is wrong; a mistake of llem would be another, such as a TypeError. */
  refusals: readonly unknown[]
  /** Of so many inputs of the others it gets one, where each takes long. */
  oneIn?: number
}

export const READERS: readonly Reader[] = [
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
    name: 'the head of a safetensors file',
    corpus: [safetensors],
    read: (bytes) => storedTensors(dirname(written('one/model.safetensors', bytes))),
    refusals: [Error, SyntaxError, TooMuchError],
  },
  {
    name: 'the index of several',
    corpus: texts(
      '{"metadata": {"total_size": 8}, "weight_map": {"a": "x.safetensors", "b": "x.safetensors"}}',
    ),
    read: (bytes) => storedTensors(dirname(written('several/model.safetensors.index.json', bytes))),
    refusals: [Error, SyntaxError, TooMuchError],
  },
  {
    name: 'a list of models',
    corpus: texts(
      '{"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096, "root": "/models/m", "meta": {"n_ctx": 5}}]}',
      '{"models": [{"id": "n", "aliases": ["o"], "context_length": 7}]}',
    ),
    read: (bytes) => modelList(jsonOf(bytes)),
    refusals: [SyntaxError, TooMuchError],
  },
  {
    name: 'the readings of a meter',
    corpus: texts(
      '# scope: board\n# standard_uncertainty_pct: 0.5\ntime,watts\n1700000000.1,50.5\n1700000001.2,51\n1700000002,52\n',
      '# scope: board\n# standard_uncertainty_pct: 1\ntime,joules\n2026-01-01T00:00:00Z,1\n2026-01-01T00:00:01Z,2\n',
    ),
    read: (bytes) => meterRecord(bytes.toString('utf8'), { path: 'meter.csv' }),
    refusals: [LlemError],
  },
  {
    name: 'the lines of an external meter',
    corpus: texts(
      '{"accuracy_pct": 1, "prints_new_only": true}\n{"t_ns": 17998000000000, "w": 350.5}\n{"t_ns": 17999000000000, "w": 351}\n{"w": 352}\n',
      '{"t_ns": 17997000000000, "j": 1000}\n{"t_ns": 17998000000000, "j": 1350}\n{"t_ns": 17999000000000, "j": 1700}\n',
    ),
    read: (bytes) => {
      const integral = new WindowIntegral({
        ...{
          quantity: 'energy' as const,
          startNs: 17_997e9,
          printsNewOnly: false,
          isMeans: false,
          isStampedHere: false,
        },
      })
      let lastNs = Number.NEGATIVE_INFINITY
      for (const line of new ClippedLines(4000).push(bytes)) {
        const said = parseMeterLine(line, { ns: 18_000e9, unixMs: 1.79e12 })
        if (said.kind !== 'reading' || said.tNs <= lastNs) continue
        integral.push(said)
        lastNs = said.tNs
      }
      integral.end(18_000e9)
      const { energyJ, uncertaintyJ } = integral.result()
      if (Number.isNaN(energyJ) || Number.isNaN(uncertaintyJ)) throw new Error('joules are numbers or null')
    },
    refusals: [],
  },
  {
    name: 'the plan of a campaign',
    corpus: texts(JSON.stringify(planned(campaign))),
    read: (bytes) => readPlan(dirname(written('plan/plan.json', bytes))),
    refusals: [LlemError],
  },
  {
    name: 'a table of prompts',
    corpus: [table('UNCOMPRESSED'), table('SNAPPY')],
    read: (bytes, silenceMs) =>
      readParquetFile(written('table.parquet', bytes), { column: null, needed: 10, silenceMs }),
    refusals: [LlemError],
    oneIn: 20,
  },
  {
    name: 'a file of prompts',
    corpus: texts('{"prompt": "a"}\n"b"\n{"text": "c", "input_tokens": 3}\n', '[{"role": "user"}]'),
    read: (bytes) => readPromptFile(written('prompts.jsonl', bytes), { field: null, needed: 10 }),
    refusals: [LlemError],
  },
  {
    name: 'a list of prompts in JSON',
    corpus: texts(
      '[{"prompt": "a", "system": "b"}, {"conversations": [{"from": "human", "value": "c"}]}]',
      '{"data": [{"messages": [{"role": "user", "content": [{"type": "text", "text": "d"}]}]}]}',
    ),
    read: (bytes) => readPromptFile(written('prompts.json', bytes), { field: null, needed: 10 }),
    refusals: [LlemError],
  },
  {
    name: 'a table of prompts in CSV',
    corpus: [...texts('id,prompt\n1,"a ""b"", c"\n2,d\n'), Buffer.from('\ufeffprompt;n\nä;1\n', 'utf16le')],
    read: (bytes) => readPromptFile(written('prompts.csv', bytes), { field: null, needed: 10 }),
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
    read: (bytes) => readResult(dirname(written('result/result.json', bytes))),
    refusals: [LlemError],
  },
]
