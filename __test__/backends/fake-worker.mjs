// A worker that speaks the protocol, and in each mode breaks one rule of it: node fake-worker.mjs MODE
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const mode = process.argv[2] ?? 'good'
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)
const now = () => Number(process.hrtime.bigint())

const facts = {
  architecture: null,
  parameters: { total: null, embedding: null, non_embedding_active: null },
  tied_embeddings: null,
  experts: null,
  attention: null,
  vocab_size: null,
  hidden_size: null,
  feed_forward_size: null,
  context_length: null,
  reasons: { architecture: 'this is a fake' },
}
const load = {
  model: 'fake',
  facts,
  dtype: null,
  quantisation: null,
  versions: {},
  device_uuids: null,
  device_names: null,
  compute: 'cpu',
  gpu_layers: null,
  threads: null,
  context_size: null,
  train_context_size: null,
  load_ms: 1,
}

function record(index) {
  const spread = { count: 2, mean: 1, p50: 1, p95: 1, p99: 1, max: 1 }
  const tokens = { input_tokens: 1, output_tokens: 3, ttft_ms: 1, itl_ms: spread }
  const end = { finish_reason: 'length', truncated: false, output_digest: null }
  return { index, ...tokens, start_ns: now(), end_ns: now(), ...end }
}

const totals = (requests) => ({
  requests,
  input_tokens: requests,
  output_tokens: requests * 3,
  truncated: 0,
  start_ns: now(),
  end_ns: now(),
  ttft_ms: null,
  itl_ms: null,
})

function run({ id, prompts }) {
  if (mode === 'dies') {
    process.stderr.write(`${'x'.repeat(100_000)}\nCUDA error: an illegal memory access was encountered\n`)
    process.exit(3)
  }
  if (mode === 'out-of-memory') process.kill(process.pid, 'SIGKILL')
  if (mode === 'hangs') return
  if (mode === 'stray-event') say({ event: 'request', id: id + 1, ...record(0) })
  if (mode === 'fault') return say({ id, ok: false, error: { code: 'INFERENCE_FAILED', message: 'no luck' } })
  const told = mode === 'miscounts' ? prompts.slice(1) : prompts
  for (const [index] of told.entries()) say({ event: 'request', id, ...record(index) })
  say({ id, ok: true, ...totals(prompts.length) })
}

function inferOne({ id, prompt }) {
  if (mode === 'floods-stderr') process.stderr.write(`${'noise '.repeat(1_000_000)}\n`)
  const counts = { latency_ms: 1, input_tokens: 1, output_tokens: 1, ttft_ms: null, truncated: false }
  say({ id, ok: true, ...counts, text: prompt.text })
}

const verbs = {
  hello: ({ id }) => {
    if (mode === 'never-answers') return
    if (mode === 'prints') process.stdout.write('Loading checkpoint shards: 50%\n')
    if (mode === 'endless-line') process.stdout.write('x'.repeat(20 * 1024 * 1024))
    if (mode === 'bad-hello') return say({ id, ok: true, protocol: 2 })
    say({ id, ok: true, protocol: mode === 'old' ? 1 : 2, backend: 'fake', versions: { fake: '1.2.3' } })
  },
  load: ({ id }) => say({ id, ok: true, ...load }),
  infer_one: inferOne,
  run,
  memory: ({ id }) => say({ id, ok: true, rss_bytes: 1, vram_bytes: null }),
}

if (mode === 'stubborn') {
  process.on('SIGTERM', () => process.stderr.write('no\n'))
  setInterval(() => {}, 1000)
}
if (mode === 'has-child') {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  process.stderr.write(`child ${child.pid}\n`)
}
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const request = JSON.parse(line)
    verbs[request.verb](request)
  })
  .on('close', () => mode !== 'stubborn' && process.exit(0))
