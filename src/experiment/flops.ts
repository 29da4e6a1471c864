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
        const { totals, attentionFlops } = processes[index] as Inference['processes'][number]
        const { input_tokens, output_tokens, served } = totals
        const estimate = estimateFlopsPalm(session.info.facts, input_tokens, output_tokens, attentionFlops)
        const cached = served?.cached_input_tokens ?? 0
        if (cached > 0)
          estimate.flops?.notes.push(
            `an upper bound: ${cached} input tokens came from the server's cache and were not computed`,
          )
        return estimate
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
  const terms = estimates.map(({ flops }) => flops?.attention ?? null)
  const attention = terms.includes(null) ? null : terms.reduce<number>((sum, term) => sum + (term ?? 0), 0)
  const attention_reason = estimates.flatMap(({ flops }) => flops?.attention_reason ?? [])[0] ?? null
  return { flops: { ...first.flops, value, attention, attention_reason }, reason: null }
}
