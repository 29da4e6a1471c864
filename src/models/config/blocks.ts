import type { ModelFacts } from '../facts.js'
import type { ModelConfig } from './facts.js'

// What a family of models is read into, and how a config.json is read.

/** A model's weights by block. */
export interface Blocks {
  hidden: number
  vocab: number
  /** Learned positions, which are looked up. */
  positions: number
  /** Other weights that are looked up; absent: none. */
  lookedUp?: number
  tied: boolean
  layers: Layer[]
  /** Vectors after the last layer. */
  finalNorm: number
  experts: ModelFacts['experts']
  /** A sentence where layers attend in a way that `ModelFacts` has no words for. */
  attention: NonNullable<ModelFacts['attention']> | string
  feedForward: number
  contextLength: number | null
}

/** Weights of one layer, or of a part of it. */
export interface Layer {
  /** All of them, vectors too. */
  stored: number
  /** Those that multiply each token. */
  active: number
}

/** Reads the weights off a config; a sentence where it lacks what is needed. `whole`: the config with its other parts. */
export type Family = (config: ModelConfig, whole: ModelConfig) => Blocks | string

/** What every decoder of these kinds has to say of itself. */
const NEEDED = ['hidden_size', 'num_attention_heads', 'num_hidden_layers', 'vocab_size', 'intermediate_size']

/** A sentence that names what is missing. */
export function lacking(config: ModelConfig, needed: readonly string[] = NEEDED): string {
  const missing = needed.filter((key) => number(config[key]) === null)
  return `config.json does not say ${missing.join(', ')}`
}

export function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null
}

export function boolean(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null
}
