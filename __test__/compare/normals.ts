import { randomOf } from '../native/scenario.js'

/** Normal numbers of mean 0 and deviation 1 (Box and Muller). */
export function normals(seed: number): () => number {
  const random = randomOf(seed)
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
