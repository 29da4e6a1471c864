import { estimateFlopsPalm, type FlopsEstimate } from '../models/palm-flops.js'
import { nonFatal } from '../progress/non-fatal.js'
import type { Observer } from '../progress/observer.js'
import type { Member } from './fleet.js'
import type { Inference } from './inference.js'

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
