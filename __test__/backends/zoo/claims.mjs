// Rows of the zoo: counts that nothing but the server's word speaks for, and chunks that are no tokens.
import {
  COUNT,
  chat,
  chats,
  DONE,
  end,
  lengthEnds,
  spoken,
  stops,
  text,
  texts,
  token,
  usage,
} from './parts.mjs'

const usageOfAll = usage(10, COUNT)
export const refused = { source: 'chunks', explained: ['usage_above_limit'], isDoubted: true }
const listed = {
  output: 4 * COUNT,
  input: null,
  verdict: 'bursts',
  explained: ['no_usage_listed', 'tokens_per_chunk'],
}

/** What explains nothing, or is explained by evidence alone. */
export const CLAIMS = [
  {
    name: 'completion_tokens with those of the prompt, below the limit',
    script: [...chats, stops, usage(10, 10 + COUNT), DONE],
    // Of prompts of one length it may be anything that is counted and not shown.
    right: { output: 10 + COUNT, verdict: 'bursts', explained: ['tokens_per_chunk'] },
  },
  {
    name: 'OpenAI: predicted tokens that were not taken',
    script: [
      ...chats,
      stops,
      usage(10, COUNT + 20, {
        completion_tokens_details: { accepted_prediction_tokens: 4, rejected_prediction_tokens: 20 },
      }),
      DONE,
    ],
    right: { explained: ['rejected_prediction'] },
  },
  {
    name: 'fewer tokens than words',
    script: [...chats, stops, usage(10, COUNT / 2), DONE],
    right: { output: COUNT / 2, isDoubted: true },
  },
  {
    name: 'a quarter of the tokens, of an answer that ended at its limit',
    maxTokens: COUNT,
    script: [...texts, lengthEnds, usage(10, COUNT / 4), DONE],
    right: { ...refused, explained: ['usage_below_limit'], input: null, finish: 'length' },
  },
  {
    name: 'more tokens than bytes',
    script: [
      ...spoken(() => text('a')),
      end(text('', { finish_reason: 'stop' })),
      usage(10, 2 * COUNT),
      DONE,
    ],
    right: { output: 2 * COUNT, verdict: 'bursts', isDoubted: true },
  },
  {
    name: 'more tokens of the prompt than it has bytes',
    script: [...chats, stops, usage(100_000, COUNT), DONE],
    right: { input: null },
  },
  {
    name: 'fewer tokens than none',
    script: [...chats, stops, usage(10, -1), DONE],
    right: { source: 'chunks', explained: ['no_usage'] },
  },
  {
    name: 'ids of four tokens a chunk, and no usage',
    script: [...spoken((word) => text(word, { token_ids: [1, 2, 3, 4] })), lengthEnds, DONE],
    right: { ...listed, source: 'token_ids', finish: 'length' },
  },
  {
    name: 'the same, and a usage that is the number of chunks',
    script: [...spoken((word) => text(word, { token_ids: [1, 2, 3, 4] })), ...[lengthEnds, usageOfAll, DONE]],
    right: { isDoubted: true, verdict: 'bursts', finish: 'length' },
  },
  {
    name: 'probabilities of four tokens a chunk, and no usage',
    script: [
      ...spoken((content) => chat({ content }, { logprobs: { content: [{}, {}, {}, {}] } })),
      stops,
      DONE,
    ],
    right: { ...listed, source: 'logprobs' },
  },
  {
    name: 'the same probabilities, at completions',
    script: [
      ...spoken((word) => text(word, { logprobs: { tokens: ['a', 'b', 'c', 'd'] } })),
      lengthEnds,
      DONE,
    ],
    right: { ...listed, source: 'logprobs', finish: 'length' },
  },
]

const blanks = (count, gapMs = 10) => Array.from({ length: count }, () => [gapMs, text('')]).flat()
/** What comes long after the last token is no end of it. */
const lateReason = text('', { finish_reason: 'length' })
export const BLANKS = [
  {
    name: 'an empty text before anything was computed',
    script: [text(''), 60, ...texts, lengthEnds, usageOfAll, DONE],
    right: { finish: 'length' },
  },
  {
    name: 'the same, where the end-of-text token is counted beside it',
    script: [text(''), 90, ...texts, end(text('', { finish_reason: 'stop' })), usage(10, COUNT + 1), DONE],
    right: { output: COUNT + 1 },
  },
  {
    name: 'empty texts before and behind the answer',
    heldMs: 120,
    script: [...blanks(12), ...texts, ...blanks(12), lateReason, usageOfAll, DONE],
    right: { finish: 'length' },
  },
  {
    name: 'the same, without usage',
    heldMs: 120,
    script: [...blanks(12), ...texts, ...blanks(12), lateReason, DONE],
    right: { input: null, source: 'chunks', explained: ['no_usage'], finish: 'length' },
  },
  {
    name: 'tokens that are parts of a character, the first of them too',
    script: [
      25,
      token(text('')),
      10,
      token(text('')),
      ...spoken((word) => text(word), { firstMs: 10 }),
      10,
      token(text('')),
      lengthEnds,
      usage(10, COUNT + 3),
      DONE,
    ],
    right: { output: COUNT + 3, finish: 'length' },
  },
  {
    name: 'the prompt before the answer',
    script: [text('What does a token cost, and who says so?'), 90, ...texts, lengthEnds, usageOfAll, DONE],
    right: { finish: 'length' },
  },
  {
    name: 'the reason of the end long after the last token',
    heldMs: 300,
    script: [...texts, 300, lateReason, usageOfAll, DONE],
    right: { finish: 'length' },
  },
  {
    name: 'the same, at chat, with empty chunks meanwhile',
    heldMs: 300,
    script: [
      ...chats,
      ...Array.from({ length: 20 }, () => [15, chat({ content: '' })]).flat(),
      chat({}, { finish_reason: 'length' }),
      usageOfAll,
      DONE,
    ],
    right: { finish: 'length' },
  },
  {
    name: 'half of an answer one by one, half in one packet',
    script: [
      ...spoken((content) => chat({ content }), { count: 20, gapMs: 5 }),
      100,
      token(chat({ content: 'b ' }).repeat(20)),
      stops,
      usage(10, 40),
      DONE,
    ],
    right: { output: 40, verdict: 'bursts' },
  },
  {
    name: 'blanks alone at once, and the answer after a silence',
    script: [token(chat({ content: '\n' })), 150, ...chats, stops, usage(10, COUNT + 1), DONE],
    right: { output: COUNT + 1, verdict: 'buffered' },
  },
  {
    name: 'half of an answer in its first chunk, half one by one',
    script: [
      120,
      token(chat({ content: 'half of it '.repeat(8) })),
      ...spoken((content) => chat({ content }), { count: 20, firstMs: 10 }),
      ...[stops, usage(10, 40), DONE],
    ],
    right: { output: 40, verdict: 'buffered', explained: ['tokens_per_chunk'] },
  },
  {
    name: 'a third of an answer one by one, the others in one packet',
    script: [
      ...spoken((content) => chat({ content }), { count: 12 }),
      280,
      token(chat({ content: 'b ' }).repeat(28)),
      stops,
      usage(10, 40),
      DONE,
    ],
    right: { output: 40, verdict: 'bursts' },
  },
]
