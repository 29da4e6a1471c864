// What is quoted of an answer where its witnesses differ and a tokenizer was heard too; zoo.test.ts has the rest, over HTTP.

import { describe, expect, it } from 'vitest'
import { AnswerTexts } from '../../dist/backends/server/answer-texts.js'
import { reckon, type Witnesses, wantsTokenizer } from '../../dist/backends/server/ledger.js'
import type { Outcome } from '../../dist/backends/server/load-generator.js'
import { SteadyState } from '../../dist/backends/server/steady.js'
import type { Answered } from '../../dist/backends/server/stream.js'
import { Tally } from '../../dist/backends/server/tally.js'
import type { Usage } from '../../dist/backends/server/usage.js'

const usage = (completion: number, more: Partial<Usage> = {}): Usage => ({
  ...{ prompt: 10, completion, total: 10 + completion, reasoning: null, cached: null },
  ...more,
})
const told = (more: Partial<Witnesses> = {}): Witnesses => ({
  ...{ usage: usage(20), chunks: 20, reasoningChunks: 0, chars: 80, tokenizer: null },
  ...{ prompt: null, limit: 20, endedByItself: false },
  ...more,
})
const prompt = { prompt: 'x', inputTokens: null, maxTokens: 20, ignoreEos: false, truncated: false }
const outcome = (chunks: number, more: Partial<Answered> = {}): Outcome => ({
  index: 0,
  attempts: 1,
  scheduledNs: null,
  sentNs: 0,
  end: {
    ok: true,
    startNs: 0,
    endNs: 1e9,
    chunkTimesNs: Array.from({ length: chunks }, (_, at) => 1e8 + at * 1e7),
    reasoningChunks: 0,
    chars: chunks * 4,
    usage: usage(20),
    finishReason: 'stop',
    model: null,
    heldOpen: false,
    ...more,
  },
})

describe('an answer whose witnesses differ', () => {
  it.each([
    ['tenfold', told({ usage: usage(200), tokenizer: 20 }), 20, 'tokenizer', 'usage_above_limit'],
    [
      'half of what both others say',
      told({ usage: usage(10), tokenizer: 20 }),
      20,
      'tokenizer',
      'usage_contradicted',
    ],
    ['a third, without a tokenizer', told({ usage: usage(7) }), 7, 'usage', 'chunks_per_token'],
    ['characters one by one', told({ usage: usage(10), tokenizer: 10 }), 10, 'usage', 'chunks_per_token'],
    [
      'thoughts left out, four tokens a chunk',
      told({ usage: usage(8), chunks: 11, reasoningChunks: 3, tokenizer: 20 }),
      20,
      'tokenizer',
      'reasoning_tokenized',
    ],
    [
      'thoughts left out, and no tokenizer',
      told({ usage: usage(8), chunks: 11, reasoningChunks: 3 }),
      11,
      'chunks',
      'reasoning_uncounted',
    ],
  ] as const)('%s', (_, witnesses, output, source, why) => {
    const reckoning = reckon(witnesses)
    expect(reckoning).toMatchObject({ output, source })
    expect(reckoning.explained).toContain(why)
    const isRefused = why === 'usage_above_limit' || why === 'usage_contradicted'
    expect(reckoning.unexplained !== null).toBe(isRefused)
    // The prompt's count is not believed either.
    expect(reckoning.input).toBe(isRefused ? null : 10)
  })

  it('wants a tokenizer where the usage may be wrong, and not where chunks hold several tokens', () => {
    expect(wantsTokenizer(told({ usage: usage(200) }))).toBe(true)
    expect(wantsTokenizer(told({ usage: usage(10) }))).toBe(true)
    expect(wantsTokenizer(told({ usage: usage(8), chunks: 11, reasoningChunks: 3 }))).toBe(true)
    expect(wantsTokenizer(told())).toBe(false)
    expect(wantsTokenizer(told({ usage: usage(80), limit: 80 }))).toBe(false)
  })

  it('has no more tokens from the cache than its prompt, where the total says what that is', () => {
    const cached = { cached: 999 }
    expect(reckon(told({ usage: usage(20, cached) }))).toMatchObject({ input: 10, cached: null })
    expect(reckon(told({ usage: usage(20, { ...cached, isCachedBeside: true }) }))).toMatchObject({
      input: 1009,
      cached: 999,
    })
    expect(reckon(told({ usage: usage(20, { cached: 8 }) }))).toMatchObject({ input: 10, cached: 8 })
  })
})

describe('a tokenizer', () => {
  it('is not asked for what it cannot see: the text of an answer that calls tools', async () => {
    const texts = new AnswerTexts()
    const hear = (pieces: readonly string[], more: Partial<Answered> = {}) => {
      const listener = texts.listener(0)
      for (const piece of pieces) listener(piece)
      return texts.ended(outcome(pieces.length, more), prompt)
    }
    expect(hear(['a ', 'b ', '', '', ''])).toBe(false)
    expect(hear(['a ', '', ''], { usage: null })).toBe(false)
    expect(hear(['c '], { usage: null })).toBe(true)
    expect(hear(Array.from({ length: 20 }, () => 'd '))).toBe(false)
    const asked: string[] = []
    await texts.counted(async (text) => asked.push(text))
    expect(asked).toEqual(['c ', 'd '.repeat(20)])
  })
})

describe('times that nobody saw', () => {
  it.each([
    [0, 'no answer brought text'],
    [1, 'no answer came in two chunks or more'],
    [20, null],
  ])('have their reason: of answers of %d chunks', (chunks, reason) => {
    const tally = new Tally([prompt])
    tally.add(outcome(chunks, { usage: usage(Math.max(1, chunks)) }))
    const none = { count: 0, ms: 0 }
    const driven = { startNs: 0, endNs: 1e9, maxInFlight: 1, retries: 0, waits: none, lingered: none }
    const generation = { max_tokens: 20, temperature: 0, top_p: 1, top_k: 0, seed: 1, ignore_eos: false }
    const totals = tally.totals({ ...driven, steady: new SteadyState(1) }, [], generation)
    expect(totals.ttft_ms === null).toBe(chunks === 0)
    expect(totals.itl_ms === null).toBe(chunks < 2)
    expect(totals.served?.streams.reason).toBe(reason)
  })
})
