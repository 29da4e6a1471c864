import { type Check, check, type Quantity } from './check.js'

/** Every leaf of two trees of JSON, by its path; where one has a branch that the other lacks, that branch once. */
export function checksOfTree(path: string, from: string, stored: unknown, recomputed: unknown): Check[] {
  if (!isBranch(stored) && !isBranch(recomputed)) return [check(path, from, leaf(stored), leaf(recomputed))]
  if (!isBranch(stored) || !isBranch(recomputed) || Array.isArray(stored) !== Array.isArray(recomputed))
    return [check(path, from, named(stored), named(recomputed))]
  const names = [...new Set([...Object.keys(stored), ...Object.keys(recomputed)])]
  return names.flatMap((name) =>
    checksOfTree(
      Array.isArray(stored) ? `${path}[${name}]` : `${path}.${name}`,
      from,
      stored[name],
      recomputed[name],
    ),
  )
}

function isBranch(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function leaf(value: unknown): Quantity {
  if (value === null || value === undefined) return null
  return typeof value === 'number' ? value : String(value)
}

function named(value: unknown): Quantity {
  return isBranch(value) ? (Array.isArray(value) ? 'a list' : 'there') : leaf(value)
}
