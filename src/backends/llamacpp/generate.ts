import { createHash } from 'node:crypto'
import type { Generation } from '../protocol.js'
import type { LlamaModel, LlamaSequence, Token } from './binding.js'
import type { PreparedPrompt } from './tokens.js'

/** One answer, token by token. Times are CLOCK_MONOTONIC. */
export interface Generated {
  startNs: bigint
  endNs: bigint
  /** Content tokens; an end-of-text token that ended the answer is left out. */
  tokens: Token[]
  /** When each of them was known, in ns. */
  tokenTimesNs: bigint[]
  finishReason: 'stop' | 'length'
}

/**
 * Evaluates a prompt in an empty sequence and generates. A token is known only once its logits were read from
 * the device, so every time here, and the last one too, comes after the GPU has finished that step.
 */
export async function generate(
  sequence: LlamaSequence,
  model: LlamaModel,
  prompt: PreparedPrompt,
  generation: Generation,
): Promise<Generated> {
  // Whatever is left of the last prompt would be reused as a prefix and not computed.
  await sequence.clearHistory()
  const tokens: Token[] = []
  const tokenTimesNs: bigint[] = []
  let finishReason: Generated['finishReason'] = 'length'
  const startNs = process.hrtime.bigint()
  const sampling = {
    temperature: generation.temperature,
    topK: generation.top_k,
    topP: generation.top_p,
    minP: 0,
    seed: generation.seed,
    yieldEogToken: true,
  } as const
  for await (const token of sequence.evaluate(prompt.tokens, sampling)) {
    if (!prompt.ignoreEos && model.isEogToken(token)) {
      finishReason = 'stop'
      break
    }
    tokens.push(token)
    tokenTimesNs.push(process.hrtime.bigint())
    if (tokens.length >= prompt.maxTokens) break
  }
  return { startNs, endNs: process.hrtime.bigint(), tokens, tokenTimesNs, finishReason }
}

/** Time to the first token in milliseconds; null when none came. */
export function ttftMs({ startNs, tokenTimesNs }: Generated): number | null {
  const [first] = tokenTimesNs
  return first === undefined ? null : toMs(first - startNs)
}

/** The times between one token and the next, in milliseconds. */
export function itlsMs({ tokenTimesNs }: Generated): number[] {
  return tokenTimesNs.slice(1).map((time, index) => toMs(time - (tokenTimesNs[index] ?? time)))
}

/** From the start of evaluation to the end of the last step, in milliseconds. */
export function latencyMs({ startNs, endNs }: Generated): number {
  return toMs(endNs - startNs)
}

/** A short digest of the token ids: equal answers have equal digests. */
export function outputDigest(tokens: readonly Token[]): string {
  return createHash('sha256').update(tokens.join(',')).digest('hex').slice(0, 16)
}

function toMs(ns: bigint): number {
  return Number(ns) / 1e6
}
