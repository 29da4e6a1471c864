import type { ModelFacts } from '../backends/model-facts.js'
import type { FlopsResult } from '../results/experiment.js'
import type { Member } from './fleet.js'
import type { Inference } from './inference.js'
import { nonFatal } from './non-fatal.js'
import type { Observer } from './observer.js'

/** An estimate, or why there is none. */
export type FlopsEstimate = { flops: FlopsResult; reason: null } | { flops: null; reason: string }

/**
 * 2 x N x tokens for prefill and decode, N the weights that multiply each token (Chowdhery et al. 2022, PaLM,
 * appendix B, without its attention term). Tokens of the warmup are not among them.
 */
export function estimateFlopsPalm(
  facts: ModelFacts,
  inputTokens: number | null,
  outputTokens: number,
): FlopsEstimate {
  const parameters = facts.parameters.non_embedding_active
  if (parameters === null) {
    const reason = facts.reasons['parameters.non_embedding_active'] ?? facts.reasons.parameters
    return { flops: null, reason: reason ?? 'the parameters that multiply a token are not known' }
  }
  if (inputTokens === null) return { flops: null, reason: 'the number of input tokens is not known' }
  const notes = [`N = ${parameters} weights per token`, 'the attention over the context is not included']
  if (facts.tied_embeddings === true) notes.push('the output projection counts though it is tied')
  if (facts.experts !== null) notes.push(`${facts.experts.used} of ${facts.experts.count} experts are active`)
  return {
    flops: {
      value: 2 * parameters * (inputTokens + outputTokens),
      method: 'palm_formula',
      confidence: facts.attention === null ? 'medium' : 'high',
      notes,
    },
    reason: null,
  }
}

/** The estimate of each process, and of all together. */
export interface Flops {
  processes: FlopsEstimate[]
  total: FlopsEstimate
}

/** FLOPs of the measured tokens of each process by its own model; the sum is null where one of them is. */
export function flopsOf(
  members: readonly Pick<Member, 'session'>[],
  { processes }: Pick<Inference, 'processes'>,
  observer: Observer,
): Flops {
  const estimates = members.map(({ session }, index) =>
    nonFatal<FlopsEstimate>(
      'The FLOPs estimate',
      observer,
      () => {
        const { input_tokens = 0, output_tokens = 0 } = processes[index]?.totals ?? {}
        return estimateFlopsPalm(session.info.facts, input_tokens, output_tokens)
      },
      (reason) => ({ flops: null, reason }),
    ),
  )
  return { processes: estimates, total: sumOf(estimates) }
}

function sumOf(estimates: readonly FlopsEstimate[]): FlopsEstimate {
  const [first] = estimates
  const unknown = estimates.find(({ flops }) => flops === null)
  if (first === undefined) return { flops: null, reason: 'no process ran' }
  if (unknown !== undefined || first.flops === null) return unknown ?? first
  const value = estimates.reduce((sum, { flops }) => sum + (flops?.value ?? 0), 0)
  return { flops: { ...first.flops, value }, reason: null }
}
