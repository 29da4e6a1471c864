import { randomFrom } from './random.js'
import { wordsFrom } from './synthetic.js'

/** Tokens of a block of Mooncake's traces, whose hashes tell which blocks two requests share. */
const BLOCK_TOKENS = 512
const SEED = 42
/** Of one request, for numbers that no two blocks without a hash share. */
const MAX_BLOCKS = 4096

/**
 * A text of at least so many tokens; a word is at least one. Blocks with the same hash are the same words, so that
 * requests share the beginnings that they shared in the trace; what has no hash is drawn from the entry's own number.
 */
export function traceText(tokens: number, hashIds: readonly number[] | null, number: number): string {
  const blocks = Math.ceil(tokens / BLOCK_TOKENS)
  return Array.from({ length: blocks }, (_, block) => {
    const length = Math.min(BLOCK_TOKENS, tokens - block * BLOCK_TOKENS)
    const random = randomFrom(SEED, hashIds?.[block] ?? -1 - number * MAX_BLOCKS - block)
    // The whole block is drawn, so that a shorter one begins like a longer one.
    return wordsFrom(random, BLOCK_TOKENS).slice(0, length).join(' ')
  }).join(' ')
}
