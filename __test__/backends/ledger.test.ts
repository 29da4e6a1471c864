// What is quoted of an answer where its witnesses differ and a tokenizer was heard too; zoo.test.ts has the rest, over HTTP.

import { describe, expect, it } from 'vitest'
import { AnswerTexts } from '../../dist/backends/server/answer-texts.js'
import { reckon } from '../../dist/backends/server/ledger.js'
import { wantsTokenizer } from '../../dist/backends/server/ledger-rules.js'
import type { Outcome } from '../../dist/backends/server/load-generator.js'
import { SteadyState } from '../../dist/backends/server/steady.js'
import type { Answered } from '../../dist/backends/server/stream.js'
import { Tally } from '../../dist/backends/server/tally.js'
import { type Usage, usageOf } from '../../dist/backends/server/usage.js'
import type { Witnesses } from '../../dist/backends/server/witnesses.js'

const usage = (completion: number, more: Partial<Usage> = {}): Usage => ({
  ...{ prompt: 10, completion, total: 10 + completion, reasoning: null, cached: null },
  ...more,
})
const told = (more: Partial<Witnesses> = {}): Witnesses => ({
  ...{ usage: usage(20), chunks: 20, reasoningChunks: 0, tokenizer: null },
  ...{
    size: { bytes: 80, words: 0, joints: 0, letters: 0, wideBytes: 0 },
    listed: null,
    mostPrompt: null,
    fewestPrompt: null,
  },
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
    size: { bytes: chunks * 4, words: 0, joints: 0, letters: 0, wideBytes: 0 },
    listed: null,
    usage: usage(20),
    finishReason: 'stop',
    model: null,
    heldOpen: false,
    ...more,
  },
})

function totalsOf(tally: Tally) {
  const none = { count: 0, ms: 0 }
  const driven = { startNs: 0, endNs: 1e9, maxInFlight: 1, retries: 0, waits: none, lingered: none }
  const generation = { max_tokens: 20, temperature: 0, top_p: 1, top_k: 0, seed: 1, ignore_eos: false }
  return tally.totals({ ...driven, steady: new SteadyState(1) }, [], generation)
}

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
    ['a third, without a tokenizer', told({ usage: usage(7), limit: 40 }), 7, 'usage', 'chunks_per_token'],
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

describe('a claim about the tokens of a prompt or of an answer', () => {
  it('is held against the length of the prompt', () => {
    const impossible = reckon(told({ usage: usage(20, { prompt: 5000, total: 5020 }), mostPrompt: 1100 }))
    expect(impossible).toMatchObject({ input: null, output: 20, between: null, unexplained: null })
    expect(impossible.impossible).toContain('5000 tokens by the usage, where 1100 are the most')
    const known = reckon(told({ usage: usage(20, { prompt: 5000, total: 5020 }), mostPrompt: 24, prompt: 8 }))
    expect(known).toMatchObject({ input: 8, explained: ['prompt_tokenized'] })
    expect(reckon(told({ mostPrompt: 1100 }))).toMatchObject({ input: 10, impossible: null })
  })

  it('is believed where the answer is as long as was asked for', () => {
    const invisible = told({ usage: usage(200), limit: 200, chunks: 40 })
    expect(reckon(invisible)).toMatchObject({ output: 200, unexplained: null, isBorneOut: true })
    expect(reckon({ ...invisible, endedByItself: true }).between).toEqual([40, 200])
  })

  it('takes predicted tokens off once, and those of the prompt of no single answer', () => {
    const rejected = usage(20, { rejected: 8 })
    expect(reckon(told({ usage: rejected }))).toMatchObject({ output: 20, explained: [] })
    expect(reckon(told({ usage: usage(28, { rejected: 8 }) }))).toMatchObject({ output: 20 })
    const single = told({ usage: usage(11), chunks: 1, limit: 40, endedByItself: true })
    expect(reckon(single)).toMatchObject({ output: 11, explained: ['tokens_per_chunk'] })
    // As tags of a template that are counted and not shown, of just as many tokens as the prompt has.
    const hidden = told({ usage: usage(30), limit: 40, endedByItself: true })
    expect(reckon(hidden)).toMatchObject({ output: 30, explained: ['tokens_per_chunk'], unexplained: null })
    const asLong = told({ usage: usage(30), limit: 30 })
    expect(reckon(asLong)).toMatchObject({ output: 30, explained: ['tokens_per_chunk'] })
  })
})

describe('a run of which nothing decides how many tokens it has', () => {
  const servedOf = (completions: readonly number[]) => {
    const unlimited = { ...prompt, maxTokens: 4096 }
    const tally = new Tally([unlimited])
    for (const each of completions) tally.add(outcome(20, { usage: usage(each) }))
    return totalsOf(tally).served
  }

  it('says between which numbers it is', () => {
    const served = servedOf([20, 20, 200])
    expect(served?.ledger.unsettled).toEqual({
      requests: 1,
      least_output_tokens: 60,
      most_output_tokens: 240,
    })
    expect(served?.notes).toContainEqual(expect.stringMatching(/^token_counts_disagree: .* 60 and 240/))
  })

  it('doubts one answer of several tokens a chunk where all others have one', () => {
    const served = servedOf([20, 20, 21, 40])
    expect(served?.ledger).toMatchObject({
      unexplained: {
        requests: 1,
        first: '1 answers have 40 tokens by the usage in 20 chunks, and 3 others one token a chunk',
      },
      unsettled: { least_output_tokens: 81, most_output_tokens: 101 },
    })
    expect(servedOf([40, 42, 38, 20])?.ledger).toMatchObject({ unexplained: null, unsettled: null })
  })

  const ledgerOf = (answers: readonly (Partial<Answered> & { chunks: number })[], maxTokens = 4096) => {
    const tally = new Tally([{ ...prompt, maxTokens }])
    for (const { chunks, ...each } of answers) tally.add(outcome(chunks, each))
    return totalsOf(tally).served?.ledger
  }
  const numbers = (count: number) => Array.from({ length: count }, (_, at) => at)

  it('doubts tokens that are those of answer and prompt, in all answers and whatever the prompt', () => {
    const answers = numbers(6).map((at) => {
      const [chunks, own] = [30 + 7 * at, 8 + 3 * at]
      return { chunks, usage: usage(chunks + own, { prompt: own, total: chunks + 2 * own }) }
    })
    expect(ledgerOf(answers)).toMatchObject({
      unexplained: { requests: 6, first: expect.stringContaining('their prompts together') },
      unsettled: { requests: 6, least_output_tokens: 285, most_output_tokens: 378 },
    })
    // One length of prompt: as well a stop string that is counted and not shown. Nor where one answer is another.
    const alike = answers.map(({ chunks }) => ({ chunks, usage: usage(chunks + 10) }))
    expect(ledgerOf(alike)).toMatchObject({ unexplained: null, unsettled: null })
    const other = { chunks: 40, usage: usage(43) }
    expect(ledgerOf([...answers, other])).toMatchObject({ unexplained: null, unsettled: null })
  })

  it('has what the server listed beside a usage that says the number of chunks', () => {
    const ids = told({
      ...{ usage: usage(12), chunks: 12, limit: 4096, listed: { by: 'token_ids', count: 48 } },
    })
    const reckoning = reckon(ids)
    expect(reckoning).toMatchObject({ output: 12, between: [12, 48] })
    expect(reckoning.unexplained).toBe('12 tokens by the usage, 48 listed (token_ids)')
    expect(reckon({ ...ids, listed: { by: 'token_ids', count: 12 } }).unexplained).toBeNull()
    const contradicted = reckon({ ...ids, usage: usage(18), listed: { by: 'token_ids', count: 12 } })
    expect(contradicted).toMatchObject({ output: 12, source: 'token_ids' })
    expect(contradicted.unexplained).toContain('12 chunks and 12 tokens listed (token_ids) came')
  })

  it('says what a server told in the place of a count', () => {
    const tally = new Tally([prompt])
    const wrong = usageOf({ prompt_tokens: -3, completion_tokens: 17.5, total_tokens: 20 })
    tally.add(outcome(20, { usage: wrong }))
    const notes = totalsOf(tally).served?.notes
    expect(notes).toContainEqual(
      expect.stringMatching(/told a usage that is no count \(completion_tokens 17\.5\)/),
    )
    expect(notes).toContainEqual(expect.stringMatching(/^input_tokens_unknown: .*\(prompt_tokens -3\)/))
  })

  it('believes nothing of a usage that was proved wrong in another answer', () => {
    const short = numbers(2).map(() => ({ chunks: 20, usage: usage(80) }))
    const above = numbers(6).map(() => ({ chunks: 40, usage: usage(160) }))
    const ledger = ledgerOf([...short, ...above], 128)
    // What was taken of the others is what came.
    expect(ledger?.unsettled).toEqual({
      requests: 2,
      least_output_tokens: 280,
      most_output_tokens: 400,
    })
    expect(ledgerOf([...above, { chunks: 20, usage: usage(20) }], 128)?.unsettled).toBeNull()
  })

  it('doubts tokens of some answers that are clearly more than chunks where long ones have one a chunk', () => {
    const plain = numbers(5).map((at) => ({ chunks: 30 + at, usage: usage(30 + at) }))
    const more = (share: number) =>
      numbers(3).map((at) => ({ chunks: 32 + 5 * at, usage: usage(Math.round(share * (32 + 5 * at))) }))
    expect(ledgerOf([...plain, ...more(2)])?.unsettled).toMatchObject({ requests: 3 })
    expect(ledgerOf([...plain, ...more(1.3)])?.unsettled).toMatchObject({ requests: 3 })
    // Speculative decoding is at none of these in any, and characters of several tokens come whole.
    expect(ledgerOf([...more(1.3), ...more(1.2), ...more(1.4)])?.unsettled).toBeNull()
    const size = { bytes: 200, words: 0, joints: 0, letters: 0, wideBytes: 120 }
    expect(ledgerOf([...plain, ...more(2).map((each) => ({ ...each, size }))])?.unsettled).toBeNull()
    // Nor do tags that are not shown vary.
    const tagged = numbers(3).map((at) => ({ chunks: 30 + at, usage: usage(42 + at) }))
    expect(ledgerOf([...plain, ...tagged])?.unsettled).toBeNull()
  })

  it('doubts no answer more of which a tokenizer says the same', () => {
    const tally = new Tally([{ ...prompt, maxTokens: 4096 }])
    for (let at = 0; at < 5; at += 1) tally.add(outcome(30, { usage: usage(30) }))
    const several = [36, 44, 52].map((completion) => outcome(24, { usage: usage(completion) }))
    for (const each of several) tally.add(each)
    const unsettled = () => totalsOf(tally).served?.ledger.unsettled
    expect(unsettled()?.requests).toBe(3)
    const [first, ...others] = several.map((each, at) => ({ outcome: each, tokens: 36 + 8 * at }))
    tally.compare(others)
    expect(unsettled()).toMatchObject({ requests: 1, least_output_tokens: 270, most_output_tokens: 282 })
    if (first !== undefined) tally.compare([first])
    expect(unsettled()).toBeNull()
  })

  it('doubts one number for all answers that ended by themselves, whatever came', () => {
    const answers = [20, 31, 27, 24, 40].map((chunks) => ({ chunks, usage: usage(64) }))
    expect(ledgerOf(answers)).toMatchObject({
      unexplained: { requests: 5, first: expect.stringContaining('have 64 tokens each by the usage') },
      unsettled: { least_output_tokens: 142, most_output_tokens: 320 },
    })
    // One that differs is a count, and so is the limit where it ended them.
    expect(ledgerOf([...answers, { chunks: 22, usage: usage(63) }])?.unsettled).toBeNull()
    const limited = answers.map((each) => ({ ...each, finishReason: 'length' as const }))
    expect(ledgerOf(limited)?.unsettled).toBeNull()
  })

  it('doubts a usage where the chunks are one token each by their words, in whichever direction', () => {
    // English: three of four tokens begin a word, and no chunk holds a second one.
    const english = (chunks: number, joints = 0) => ({
      bytes: 4 * chunks,
      words: Math.round(0.75 * chunks),
      joints,
      letters: 3 * chunks,
      wideBytes: 0,
    })
    const run = (share: number, sized = english) =>
      ledgerOf(
        [40, 52, 61, 47].map((chunks) => ({
          chunks,
          usage: usage(Math.round(share * chunks)),
          size: sized(chunks),
        })),
      )
    for (const share of [0.7, 0.8, 0.9, 1.1, 1.25, 1.4])
      expect(run(share), `${share}`).toMatchObject({
        unexplained: { first: expect.stringContaining('a word or a part of one each') },
        unsettled: { requests: 4 },
      })
    expect(run(1)?.unsettled).toBeNull()
    // Chunks of several tokens show words in their middle; where each is a word, somebody cut them so.
    expect(run(1.25, (chunks) => english(chunks, Math.round(0.2 * chunks)))?.unsettled).toBeNull()
    expect(run(1.25, (chunks) => ({ ...english(chunks), words: chunks }))?.unsettled).toBeNull()
    // Parts of tokens begin fewer words, and some scripts have no blanks.
    const halves = (chunks: number) => ({ ...english(chunks), bytes: 2.1 * chunks, words: 0.37 * chunks })
    expect(run(0.5, halves)?.unsettled).toBeNull()
    expect(run(1.25, (chunks) => ({ ...english(chunks), words: 1 }))?.unsettled).toBeNull()
    // Code has few words, and its chunks are no parts of tokens all the same.
    expect(run(0.7, (chunks) => ({ ...english(chunks), words: 0.3 * chunks }))?.unsettled).not.toBeNull()
    // Four tokens of German in a chunk of 14 bytes have one word, or a part of one; numbers are no prose.
    expect(run(4, (chunks) => ({ ...english(chunks), bytes: 14 * chunks }))?.unsettled).toBeNull()
    expect(run(2, (chunks) => ({ ...english(chunks), letters: 0 }))?.unsettled).toBeNull()
  })

  it('doubts chunks that stand for tokens where those of others hold several', () => {
    const several = [20, 24, 31].map((chunks) => ({ chunks, usage: usage(2 * chunks) }))
    expect(ledgerOf([...several, { chunks: 25, usage: null }])).toMatchObject({
      unexplained: { first: expect.stringContaining('1 answers have no usage and 25 chunks') },
      unsettled: { requests: 1, least_output_tokens: 175, most_output_tokens: 200 },
    })
  })

  it('doubts one token a chunk where the text has more words than that, whoever says so', () => {
    const size = { bytes: 320, words: 60, joints: 40, letters: 240, wideBytes: 0 }
    for (const told of [usage(20), null])
      expect(ledgerOf([{ chunks: 20, usage: told, size }])).toMatchObject({
        unexplained: { first: expect.stringContaining('in a text of 60 words') },
        unsettled: { requests: 1, least_output_tokens: 20, most_output_tokens: 320 },
      })
    expect(ledgerOf([{ chunks: 80, usage: usage(80), size }])?.unsettled).toBeNull()
  })

  it('hears a tokenizer that says clearly fewer of all, but for the same few that no text shows', () => {
    const of = (hidden: (tokens: number) => number) => {
      const tally = new Tally([{ ...prompt, maxTokens: 4096 }])
      const heard = [28, 40, 52, 33, 60, 45].map((tokens) => ({
        outcome: outcome(tokens, { usage: usage(tokens + hidden(tokens)) }),
        tokens,
      }))
      for (const each of heard) tally.add(each.outcome)
      tally.compare(heard)
      return totalsOf(tally).served?.ledger.unsettled
    }
    expect(of((tokens) => Math.round(0.12 * tokens))).toMatchObject({ least_output_tokens: 258 })
    expect(of((tokens) => Math.round(0.02 * tokens))).toBeNull()
    // The end and the marks of a template: 11 of each answer, give or take one.
    expect(of((tokens) => 11 + (tokens % 2))).toBeNull()
    expect(of((tokens) => 11 + (tokens % 5))).not.toBeNull()
  })

  it('tells of a prompt that has fewer tokens than words', () => {
    const long = { ...prompt, prompt: 'one two three four five six seven eight nine ten' }
    const tally = new Tally([long])
    tally.add(outcome(20, { usage: usage(20, { prompt: 1, total: 21 }) }))
    const { input_tokens, output_tokens, served } = totalsOf(tally)
    expect([input_tokens, output_tokens]).toEqual([null, 20])
    expect(served?.notes).toContainEqual(
      expect.stringMatching(
        /^prompt_tokens_not_believed: .* or fewer than it has words .*1 tokens.* 8 are the fewest/,
      ),
    )
    // What came from the cache is of it, where that is told.
    const cached = new Tally([long])
    cached.add(outcome(20, { usage: usage(20, { prompt: 1, total: 32, cached: 11 }) }))
    expect(totalsOf(cached).input_tokens).toBe(12)
  })

  it('tells of a prompt that has more tokens than bytes', () => {
    const tally = new Tally([prompt])
    tally.add(outcome(20, { usage: usage(20, { prompt: 100_000, total: 100_020 }) }))
    const { input_tokens, served } = totalsOf(tally)
    expect(input_tokens).toBeNull()
    expect(served?.ledger.unsettled).toBeNull()
    expect(served?.notes).toContainEqual(expect.stringMatching(/^prompt_tokens_not_believed: in 1 of 1/))
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
    const totals = totalsOf(tally)
    expect(totals.ttft_ms === null).toBe(chunks === 0)
    expect(totals.itl_ms === null).toBe(chunks < 2)
    expect(totals.served?.streams.reason).toBe(reason)
  })

  it('quote no time to first token where half of the answers were kept back', () => {
    const late = Array.from({ length: 20 }, () => 9e8)
    const ttftOf = (buffered: number) => {
      const tally = new Tally([prompt])
      for (let at = 0; at < 8; at += 1) tally.add(outcome(20, at < buffered ? { chunkTimesNs: late } : {}))
      return totalsOf(tally)
    }
    expect(ttftOf(3).ttft_ms?.count).toBe(5)
    expect(ttftOf(4)).toMatchObject({ ttft_ms: null, itl_ms: null, served: { streams: { buffered: 4 } } })
  })
})
