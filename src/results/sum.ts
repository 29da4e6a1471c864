/** Null as soon as one part is, and of nothing. */
export function sum(parts: readonly (number | null)[]): number | null {
  const known = parts.filter((part) => part !== null)
  return known.length < parts.length || known.length === 0 ? null : known.reduce((a, b) => a + b, 0)
}
