// What servers send, each a row of zoo/rows.mjs, against the real load generator: the tokens, the times, the end and the words
// of an error. The servers are scripts, in a process of their own.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Connection } from '../../dist/backends/server/connection.js'
import { driveLoad, ONE_AFTER_THE_OTHER, type Outcome } from '../../dist/backends/server/load-generator.js'
import { TokenStream } from '../../dist/backends/server/stream.js'
import { Tally, tokensOf, verdictOfAnswer } from '../../dist/backends/server/tally.js'
import { startPortServer } from './port-server.js'
import { momentsOf } from './zoo/parts.mjs'
import { RIGHT, ROWS, type Row } from './zoo/rows.mjs'

/** A machine that is busy is late by so much. */
const LATE_MS = 60
const REQUESTS = 3
const generation = { max_tokens: 8, temperature: 0, top_p: 1, top_k: 0, seed: 1, ignore_eos: false }
const prompt = { prompt: 'x', inputTokens: null, maxTokens: 8, ignoreEos: false, truncated: false }

let server: Awaited<ReturnType<typeof startPortServer>>
beforeAll(async () => {
  server = await startPortServer('./zoo/server.mjs', [], { forAll: true })
})
afterAll(() => server.end())

/** Sends some requests one after the other, as a run does. */
async function drive(row: Row) {
  const connection = new Connection(`http://127.0.0.1:${server.port}/${ROWS.indexOf(row)}`, null)
  const tally = new Tally(Array.from({ length: REQUESTS }, () => prompt))
  const outcomes: Outcome[] = []
  const startMs = performance.now()
  const driven = await driveLoad({
    count: REQUESTS,
    load: { ...ONE_AFTER_THE_OTHER, max_failed_share: 1 },
    mostWaitMs: 0,
    send: (_, onFirst) =>
      new TokenStream(connection, { path: '/v1/completions', body: '{}', timeoutMs: 10_000, onFirst }),
    tokensOf: (_, answer) => tokensOf(prompt, answer),
    onEnd: (outcome) => outcomes.push(outcome),
    lost: new Promise(() => {}),
  }).catch((error: unknown) => ({ error }))
  const tookMs = performance.now() - startMs
  const records = outcomes.map((outcome) => tally.add(outcome))
  await connection.close()
  const totals = 'error' in driven ? null : tally.totals(driven, [], generation)
  return { outcomes, records, totals, tookMs, failed: 'error' in driven ? String(driven.error) : null }
}

describe('the zoo', () => {
  it('has a row for each of the twelve kinds of servers, and more than 45', () => {
    const kinds = [
      'vLLM',
      'SGLang',
      'TGI',
      'TensorRT-LLM',
      'llama.cpp',
      'Ollama',
      'LM Studio',
      'LiteLLM',
      'LMDeploy',
    ]
    for (const kind of [...kinds, 'OpenVINO', 'OpenRouter', 'xAI'])
      expect(ROWS.some(({ name }) => name.startsWith(kind))).toBe(true)
    expect(ROWS.length).toBeGreaterThan(45)
    expect(new Set(ROWS.map(({ name }) => name)).size).toBe(ROWS.length)
  })

  it.each(ROWS.filter(({ right }) => right?.error != null).map((row) => [row.name, row] as const))(
    'fails in its own words: %s',
    async (_, row) => {
      const { failed } = await drive(row)
      const [code, words] = row.right?.error ?? ['', '']
      expect(failed).toContain(`the first: ${code}: ${words.startsWith('it said') ? '' : words}`)
      expect(failed).toContain(words)
      expect(failed).not.toMatch(/TypeError|Cannot read|undefined/)
    },
  )

  it.each(ROWS.filter(({ right }) => right?.error == null).map((row) => [row.name, row] as const))(
    'is counted and timed: %s',
    async (_, row) => {
      const right = { ...RIGHT, ...row.right }
      const { outcomes, records, totals, tookMs } = await drive(row)
      const { firstMs, lastMs } = momentsOf(row.script)
      expect(outcomes.map(({ end }) => end.ok)).toEqual([true, true, true])
      for (const [at, { end }] of outcomes.entries()) {
        if (!end.ok) continue
        const record = records[at]
        const { output, input, source, explained, unexplained } = tokensOf(prompt, end)
        expect({ output, input, source, explained, isDoubted: unexplained !== null }).toEqual({
          output: right.output,
          input: right.input,
          source: right.source,
          explained: right.explained,
          isDoubted: right.isDoubted,
        })
        expect(verdictOfAnswer(end, output)).toBe(right.verdict)
        expect(record?.finish_reason).toBe(right.finish)
        const lastedMs = (end.endNs - end.startNs) / 1e6
        expect(lastedMs).toBeGreaterThan(Number(lastMs) - 3)
        expect(lastedMs).toBeLessThan(Number(lastMs) + LATE_MS)
        if (right.verdict === 'buffered') expect(record?.ttft_ms).toBeNull()
        else {
          expect(record?.ttft_ms).toBeGreaterThan(Number(firstMs) - 3)
          expect(record?.ttft_ms).toBeLessThan(Number(firstMs) + LATE_MS)
        }
        expect(record?.itl_ms === null).toBe(right.verdict !== 'stream')
      }
      expect(totals).toMatchObject({
        output_tokens: REQUESTS * right.output,
        input_tokens: right.input === null ? null : REQUESTS * right.input,
        served: {
          token_source: right.source,
          ledger: { unexplained: right.isDoubted ? { requests: REQUESTS } : null },
        },
      })
      // Nobody waits for a connection that stays open, but for the usage where it may still come.
      const grace = row.name.startsWith('the reason alone') ? 1100 : 0
      expect(tookMs).toBeLessThan(REQUESTS * (Number(lastMs) + LATE_MS + grace) + 200)
    },
  )
})
