import type { ModelFacts } from './facts.js'

// A token attends to itself and to all before it, as far as its layer's window goes. Two products are computed for
// each of them and each head: query with key, and weight with value, head_dim multiplications and additions each.
//
//   4 x layers x heads x head_dim x context       per token (Chowdhery et al. 2022, PaLM, appendix B, forward pass)
//
// A layer with a state of fixed size, such as Mamba's, writes each token into it and reads it once: two products for each
// of its numbers, 4 x layers x numbers per token, however long the context is.
//
// PaLM takes the whole sequence as the context of each token; here it is what the causal mask leaves, position by
// position, so that a prompt of n tokens costs n (n + 1) / 2 contexts. Engines that compute the masked half too do more.

/** The tokens of a request; null where nobody told them. */
interface RequestTokens {
  input_tokens: number | null
  output_tokens: number
}

/** Adds up the attention of requests as they end; keeps one number, however many they are. */
export class AttentionFlops {
  readonly #shape: ModelFacts['attention']
  #flops = 0
  #isKnown = true

  constructor(shape: ModelFacts['attention']) {
    this.#shape = shape
  }

  /** The tokens of the prompt and of the answer, the same ones that the PaLM value counts. */
  add({ input_tokens, output_tokens }: RequestTokens): void {
    if (this.#shape === null) return
    // A server that does not tell its input tokens leaves the sum unknown.
    if (input_tokens === null) this.#isKnown = false
    else this.#flops += attentionFlops(this.#shape, input_tokens + output_tokens)
  }

  /** The sum so far; null where the shape of the attention is not known. */
  get total(): number | null {
    return this.#shape === null || !this.#isKnown ? null : this.#flops
  }
}

/** FLOPs of the attention of a sequence of so many tokens, from its beginning. */
export function attentionFlops(shape: NonNullable<ModelFacts['attention']>, tokens: number): number {
  const { n_layers, n_heads, head_dim, sliding = null, chunked = null, state = null } = shape
  const windowed = sliding?.layers ?? 0
  const inChunks = chunked?.layers ?? 0
  const contexts =
    (n_layers - windowed - inChunks) * contextSum(tokens) +
    windowed * contextSum(tokens, sliding?.window ?? 0) +
    inChunks * chunkedSum(tokens, chunked?.size ?? tokens)
  const states = tokens * (state?.layers ?? 0) * (state?.values ?? 0)
  return 4 * n_heads * head_dim * contexts + 4 * states
}

/** 1 + 2 + ... anew in each chunk. */
function chunkedSum(tokens: number, size: number): number {
  if (size < 1) return 0
  const chunks = Math.floor(tokens / size)
  return chunks * contextSum(size) + contextSum(tokens - chunks * size)
}

/** 1 + 2 + ... + tokens, each at most `window`. */
function contextSum(tokens: number, window = tokens): number {
  const growing = Math.min(tokens, window)
  return (growing * (growing + 1)) / 2 + (tokens - growing) * window
}
