// Drives llem's load generator against each row of the zoo, some at a time, and prints what came of it as JSON:
// node drive.mjs PORT ROWS [COMMAND...]. ROWS are numbers with commas between them; COMMAND, e.g. `chrt -f 1`, is put before
// this very command.
import { spawnSync } from 'node:child_process'
import { Connection } from '../../../dist/backends/server/connection.js'
import { driveLoad, ONE_AFTER_THE_OTHER } from '../../../dist/backends/server/load-generator.js'
import { TokenStream } from '../../../dist/backends/server/stream.js'
import { Tally, tokensOf, verdictOfAnswer } from '../../../dist/backends/server/tally.js'
import { ROWS } from './rows.mjs'

const [, script, port, list, wrap, ...wrapArgs] = process.argv
if (wrap !== undefined) {
  const args = [...wrapArgs, process.execPath, script, port, list]
  process.exit(spawnSync(wrap, args, { stdio: 'inherit' }).status ?? 1)
}
const REQUESTS = 3
const AT_ONCE = 4
const generation = { max_tokens: 8, temperature: 0, top_p: 1, top_k: 0, seed: 1, ignore_eos: false }
const ANY = { prompt: 'x', inputTokens: null, ignoreEos: false, truncated: false }

/** Sends some requests one after the other, as a run does. */
async function drive(number) {
  const connection = new Connection(`http://127.0.0.1:${port}/${number}`, null)
  const prompt = { ...ANY, maxTokens: ROWS[number].maxTokens ?? 4096 }
  const tally = new Tally(Array.from({ length: REQUESTS }, () => prompt))
  const answers = []
  const startMs = performance.now()
  const onEnd = (outcome) => {
    const record = tally.add(outcome)
    const { end } = outcome
    if (!end.ok) return
    const reckoning = tokensOf(prompt, end)
    answers.push({ record, ...reckoning, verdict: verdictOfAnswer(end, reckoning.output) })
  }
  const driven = await driveLoad({
    count: REQUESTS,
    load: { ...ONE_AFTER_THE_OTHER, max_failed_share: 1 },
    mostWaitMs: 0,
    send: (_, onFirst) =>
      new TokenStream(connection, { path: '/v1/completions', body: '{}', timeoutMs: 10_000, onFirst }),
    tokensOf: (_, answer) => tokensOf(prompt, answer),
    onEnd,
    lost: new Promise(() => {}),
  }).catch((error) => ({ failed: String(error) }))
  const tookMs = performance.now() - startMs
  await connection.close()
  const failed = driven.failed ?? null
  return { answers, tookMs, failed, totals: failed === null ? tally.totals(driven, [], generation) : null }
}

const numbers = list.split(',').map(Number)
const results = []
let next = 0
async function lane() {
  for (let index = next++; index < numbers.length; index = next++)
    results[index] = await drive(numbers[index])
}
await Promise.all(Array.from({ length: AT_ONCE }, lane))
process.stdout.write(JSON.stringify(results), () => process.exit(0))
