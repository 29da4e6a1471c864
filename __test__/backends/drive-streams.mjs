// Drives the exact-stream server with llem's load generator, in a process of its own, and prints what the generator
// added to the times between tokens: node drive-streams.mjs PORT REQUESTS CONCURRENCY WARM_PORT [COMMAND...]
// WARM_PORT: of another such server, for the warmup. COMMAND, e.g. `chrt -f 1`, is put before this very command. It runs
// with the flags of the server's worker.
import { spawnSync } from 'node:child_process'
import { Connection } from '../../dist/backends/server/connection.js'
import { driveLoad, ONE_AFTER_THE_OTHER } from '../../dist/backends/server/load-generator.js'
import { TokenStream } from '../../dist/backends/server/stream.js'
import { Tally, tokensOf } from '../../dist/backends/server/tally.js'
import { WORKER_FLAGS } from '../../dist/backends/server/worker-command.js'
import { percentile, timesAdded } from './stream-times.mjs'

const [port, requests, concurrency, warmPort] = process.argv.slice(2, 6).map(Number)
if (process.execArgv.join() !== WORKER_FLAGS.join()) {
  const [command, ...args] = [
    ...process.argv.slice(6),
    process.execPath,
    ...WORKER_FLAGS,
    ...process.argv.slice(1, 6),
  ]
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  process.exit(status ?? 1)
}

const generation = { max_tokens: 200, temperature: 0, top_p: 1, top_k: 0, seed: 1, ignore_eos: true }

/** Streams so many answers; per request when each chunk was written and when it was read. */
async function drive(port, requests, concurrency) {
  const connection = new Connection(`http://127.0.0.1:${port}`, null)
  const prompts = Array.from({ length: requests }, (_, index) => ({
    prompt: `prompt ${index}`,
    inputTokens: null,
    maxTokens: 200,
    ignoreEos: true,
    truncated: false,
  }))
  const tally = new Tally(prompts)
  const written = prompts.map(() => [])
  const read = prompts.map(() => [])
  const driven = await driveLoad({
    count: requests,
    load: { ...ONE_AFTER_THE_OTHER, concurrency },
    send: (index, onFirst) =>
      new TokenStream(connection, {
        path: '/v1/completions',
        body: JSON.stringify({ model: 'exact', prompt: prompts[index].prompt, stream: true }),
        timeoutMs: 120_000,
        onFirst,
        onText: (text, ns) => {
          written[index].push(Number(text))
          read[index].push(ns)
        },
      }),
    tokensOf: (index, answer) => tokensOf(prompts[index], answer),
    onEnd: (outcome) => process.stderr.write(`${JSON.stringify(tally.add(outcome))}\n`),
    lost: new Promise(() => {}),
  })
  return { driven, totals: tally.totals(driven, [], generation), written, read }
}

// As a run does before it measures: what is compiled while it is used for the first time is slow once.
await drive(warmPort, 50, 10)
const cpuBefore = process.cpuUsage()
const { driven, totals, written, read } = await drive(port, requests, concurrency)
const cpu = process.cpuUsage(cpuBefore)

const { added, midway, delays } = timesAdded(written, read)
const wallMs = (driven.endNs - driven.startNs) / 1e6
console.log(
  JSON.stringify({
    tokens: totals.output_tokens,
    failures: totals.failures,
    chunks: added.length + requests,
    wall_s: wallMs / 1000,
    added_p50_ms: percentile(added, 0.5),
    added_p99_ms: percentile(added, 0.99),
    added_midway_p99_ms: percentile(midway, 0.99),
    delay_p50_ms: percentile(delays, 0.5),
    delay_p99_ms: percentile(delays, 0.99),
    core_share: (cpu.user + cpu.system) / 1000 / wallMs,
    heap_mb: process.memoryUsage().rss / 1e6,
    steady_s: totals.steady && (totals.steady.end_ns - totals.steady.start_ns) / 1e9,
    steady_rate:
      totals.steady && totals.steady.output_tokens / ((totals.steady.end_ns - totals.steady.start_ns) / 1e9),
  }),
)
process.exit(0)
