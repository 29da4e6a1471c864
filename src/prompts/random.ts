import { randomOf } from '../core/random.js'

/** Uniform numbers in [0, 1) that belong to a seed and a number, the same on every machine. */
export function randomFrom(seed: number, index: number): () => number {
  return randomOf(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b))
}
