import type { FlopsResult } from '../results/experiment.js'
import type { ModelFacts } from './facts.js'

/** An estimate, or why there is none. */
export type FlopsEstimate = { flops: FlopsResult; reason: null } | { flops: null; reason: string }

/**
 * 2 x N x tokens for prefill and decode, N the weights that multiply each token (Chowdhery et al. 2022, PaLM,
 * appendix B, without its attention term). Tokens of the warmup are not among them. `attention` is that term, summed
 * over the requests' contexts (attention-flops.ts); it stands beside the value and is not in it.
 */
export function estimateFlopsPalm(
  facts: ModelFacts,
  inputTokens: number | null,
  outputTokens: number,
  attention: number | null = null,
): FlopsEstimate {
  const parameters = facts.parameters.non_embedding_active
  if (parameters === null) {
    const reason = reasonOf(facts, 'parameters.non_embedding_active', 'non_embedding_active', 'parameters')
    return { flops: null, reason: reason ?? 'the parameters that multiply a token are not known' }
  }
  if (inputTokens === null) return { flops: null, reason: 'the number of input tokens is not known' }
  const notes = [`N = ${parameters} weights per token`, 'the attention over the context is not included']
  if (facts.tied_embeddings === true) notes.push('the output projection counts though it is tied')
  if (facts.experts !== null) notes.push(`${facts.experts.used} of ${facts.experts.count} experts are active`)
  const sliding = facts.attention?.sliding
  if (sliding) notes.push(`${sliding.layers} layers attend to the last ${sliding.window} tokens`)
  const chunked = facts.attention?.chunked
  if (chunked) notes.push(`${chunked.layers} layers attend within chunks of ${chunked.size} tokens`)
  const state = facts.attention?.state
  if (state) notes.push(`${state.layers} layers have a state of ${state.values} numbers each`)
  notes.push(...(facts.assumed ?? []))
  const unknownWindow = facts.reasons['attention.sliding']
  if (unknownWindow !== undefined) notes.push(`the attention is an upper bound: ${unknownWindow}`)
  return {
    flops: {
      value: 2 * parameters * (inputTokens + outputTokens),
      method: 'palm_formula',
      confidence: facts.attention === null ? 'medium' : 'high',
      notes,
      attention,
      attention_reason: attention === null ? attentionReason(facts) : null,
    },
    reason: null,
  }
}

function attentionReason(facts: ModelFacts): string {
  if (facts.attention !== null) return 'the contexts of the requests are not known'
  return reasonOf(facts, 'attention') ?? 'the shape of the attention is not known'
}

/** Why a field is null; backends name it with or without the group that it is in. */
function reasonOf({ reasons }: ModelFacts, ...fields: string[]): string | undefined {
  return fields.map((field) => reasons[field]).find((reason) => reason !== undefined)
}
