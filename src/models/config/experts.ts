import { type Layer, lacking, number } from './blocks.js'
import type { ModelConfig } from './facts.js'

// Gated MLPs, and experts of that kind behind a router.

/** What a family says of its experts. */
export interface Experts {
  /** The config's key of how wide each is. */
  width: string
  /** Where the config does not say; null: it has to. */
  defaults: { count: number; used: number | null; width: number }
  /** Experts that always run. */
  shared?: Shared
  /** The router and the experts add vectors. */
  biased?: boolean
  /** Which layers have experts; absent: all. */
  isSparse?: (config: ModelConfig, index: number) => boolean
}

interface Shared {
  /** The config's key of how wide they are. */
  width: string
  defaultWidth: number
  /** The config's key of how many there are, with what it is where the config does not say; absent: one. */
  count?: { key: string; default: number }
  /** A vector weighs what they say. */
  gated?: boolean
}

export interface ExpertShape {
  count: number
  used: number
  width: number
  /** Of all experts that always run, side by side. */
  sharedWidth: number
  sharedGate: boolean
  biased: boolean
}

/** The experts of a config; a sentence where it lacks something. */
export function expertsOf(
  config: ModelConfig,
  { width, defaults, shared, biased = false }: Experts,
): ExpertShape | string {
  const used = number(config.num_experts_per_tok) ?? defaults.used
  if (used === null) return lacking(config, ['num_experts_per_tok'])
  const sharedCount =
    shared?.count === undefined ? 1 : (number(config[shared.count.key]) ?? shared.count.default)
  return {
    // One of these, by family and by the release of transformers that saved it.
    count:
      number(config.num_local_experts) ??
      number(config.n_routed_experts) ??
      number(config.num_experts) ??
      defaults.count,
    used,
    width: number(config[width]) ?? defaults.width,
    sharedWidth:
      shared === undefined ? 0 : sharedCount * (number(config[shared.width]) ?? shared.defaultWidth),
    sharedGate: shared?.gated === true,
    biased,
  }
}

/** The weights of a layer's experts. */
export function expertWeights(hidden: number, experts: ExpertShape): Layer {
  const { count, used, width, sharedWidth, sharedGate, biased } = experts
  const router = hidden * count
  const always = router + gated(hidden, sharedWidth) + (sharedGate && sharedWidth > 0 ? hidden : 0)
  const each = gated(hidden, width)
  const biases = biased ? count + count * (2 * width + hidden) : 0
  return { stored: always + count * each + biases, active: always + used * each }
}

/** Gate, up and down. */
export function gated(hidden: number, width: number): number {
  return 3 * hidden * width
}
