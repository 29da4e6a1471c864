// What servers send, each a row of zoo/rows.mjs, against the real load generator: the tokens, the times, the end and the words
// of an error. Servers (scripts) and load generator are a process each, as in a run.

import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RequestRecord, RunTotals } from '../../dist/backends/protocol.js'
import type { StreamVerdict } from '../../dist/backends/server/stream-verdict.js'
import type { Reckoning } from '../../dist/backends/server/witnesses.js'
import { startNode } from '../native/llem.js'
import { startPortServer } from './port-server.js'
import { undisturbed } from './undisturbed.js'
import { momentsOf } from './zoo/parts.mjs'
import { RIGHT, ROWS, type Row } from './zoo/rows.mjs'

/** A machine that is busy is late by so much. */
const LATE_MS = 60
const LIMIT_MS = 120_000
const ROUNDS = 3

interface Driven {
  answers: (Reckoning & { record: RequestRecord; verdict: StreamVerdict })[]
  totals: RunTotals | null
  tookMs: number
  failed: string | null
}

/** Drives some rows, by their numbers; what came of each. */
async function drive(port: number, rows: readonly number[]): Promise<Driven[]> {
  const script = fileURLToPath(new URL('./zoo/drive.mjs', import.meta.url))
  const { stdout, stderr, code } = await startNode([script, String(port), rows.join(), ...undisturbed]).ended
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

let server: Awaited<ReturnType<typeof startPortServer>> | null = null
const driven: Driven[] = []
beforeAll(async () => {
  server = await startPortServer('./zoo/server.mjs', [], { forAll: true, wrap: undisturbed })
  // A machine that stands still for 20 ms makes a burst of a stream: what is not right then is driven again, twice at most.
  let open = [...ROWS.keys()]
  for (let round = 0; round < ROUNDS && open.length > 0; round++) {
    const results = await drive(server.port, open)
    for (const [index, number] of open.entries()) driven[number] = results[index] as Driven
    open = open.filter((number) => !isRight(ROWS[number] as Row))
  }
}, LIMIT_MS)
afterAll(() => server?.end())

const named = (isFailing: boolean) =>
  ROWS.filter(({ right }) => (right?.error != null) === isFailing).map((row) => [row.name, row] as const)
const resultOf = (row: Row) => driven[ROWS.indexOf(row)] as Driven

/** Throws where what came of a row is not what it calls right. */
function expectRight(row: Row): void {
  const right = { ...RIGHT, ...row.right }
  const { answers, totals, tookMs } = resultOf(row)
  const { firstMs, lastMs } = momentsOf(row.script)
  expect(answers).toHaveLength(3)
  for (const { record, verdict, unexplained, output, input, source, explained } of answers) {
    const seen = { output, input, source, explained, verdict, isDoubted: unexplained !== null }
    expect({ ...seen, finish: record.finish_reason, error: null }).toEqual(right)
    const lastedMs = (record.end_ns - record.start_ns) / 1e6
    expect(lastedMs).toBeGreaterThan(Number(lastMs) - 3)
    expect(lastedMs).toBeLessThan(Number(lastMs) + LATE_MS)
    if (right.verdict === 'buffered') expect(record.ttft_ms).toBeNull()
    else {
      expect(record.ttft_ms).toBeGreaterThan(Number(firstMs) - 3)
      expect(record.ttft_ms).toBeLessThan(Number(firstMs) + LATE_MS)
    }
    expect(record.itl_ms === null).toBe(right.verdict !== 'stream')
  }
  expect(totals).toMatchObject({
    output_tokens: 3 * right.output,
    input_tokens: right.input === null ? null : 3 * right.input,
    served: {
      token_source: right.source,
      ledger: { unexplained: right.isDoubted ? { requests: 3 } : null },
      streams: { [right.verdict]: 3 },
    },
  })
  // No request waits for a connection that stays open, nor for the usage of the one before it; but where another token may
  // come, the last one alone does not wait.
  const { heldMs = 0 } = row
  const mostMs = 3 * (Number(lastMs) + LATE_MS) + 200 + 2 * heldMs
  const windowMs = (Number(totals?.end_ns) - Number(totals?.start_ns)) / 1e6
  expect(windowMs).toBeLessThan(mostMs)
  const graceMs = row.name.startsWith('the reason') ? 3200 : 0
  expect(tookMs).toBeLessThan(mostMs + graceMs + heldMs)
  // Whatever comes after the last token is no part of the run.
  if (totals?.steady != null) {
    expect(totals.steady.start_ns).toBeGreaterThanOrEqual(totals.start_ns)
    expect(totals.steady.end_ns).toBeLessThanOrEqual(totals.end_ns)
  }
}

function isRight(row: Row): boolean {
  if (row.right?.error != null) return true
  try {
    expectRight(row)
    return true
  } catch {
    return false
  }
}

describe('the zoo', () => {
  it('has a row for each of the twelve kinds of servers, and more than 45', () => {
    const kinds = ['vLLM', 'SGLang', 'TGI', 'TensorRT-LLM', 'llama.cpp', 'Ollama', 'LM Studio', 'LiteLLM']
    for (const kind of [...kinds, 'LMDeploy', 'OpenVINO', 'OpenRouter', 'xAI'])
      expect(ROWS.some(({ name }) => name.startsWith(kind))).toBe(true)
    expect(ROWS.length).toBeGreaterThan(45)
    expect(new Set(ROWS.map(({ name }) => name)).size).toBe(ROWS.length)
  })

  it.each(named(true))('fails in its own words: %s', (_, row) => {
    const { failed } = resultOf(row)
    const [code, words] = row.right?.error ?? ['', '']
    expect(failed).toContain(`the first: ${code}: ${words.startsWith('it said') ? '' : words}`)
    expect(failed).toContain(words)
    expect(failed).not.toMatch(/TypeError|Cannot read|undefined/)
  })

  it.each(named(false))('is counted and timed: %s', (_, row) => expectRight(row))

  it('tells what was lost where the server says more after the end', () => {
    const row = ROWS.find(({ name }) => name === 'the reason, and the usage long after it')
    const { totals } = resultOf(row as Row)
    // The first waits a moment, the others none.
    expect(totals?.served?.notes).toContainEqual(
      expect.stringMatching(
        /^answers_end_late: .* for which the next request waited 0\.0(1[5-9]|[2-9]\d) s in all/,
      ),
    )
    const late = ROWS.find(({ name }) => name === 'the reason of the end long after the last token')
    expect(resultOf(late as Row).totals?.served?.notes).toContainEqual(
      expect.stringMatching(/^answers_end_late: .* of 3 answers, .* (?:0\.9|1\.0)\d\d s in all/),
    )
  })
})
