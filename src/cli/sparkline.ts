const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

/** Values as bars between the smallest and the largest; a gap where a value is unknown. */
export function sparkline(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null)
  const low = Math.min(...known)
  const range = Math.max(...known) - low
  return values
    .map((value) => {
      if (value === null) return ' '
      // A steady signal is a line in the middle, not a floor.
      const share = range > 0 ? (value - low) / range : 0.5
      return BARS[Math.round(share * (BARS.length - 1))]
    })
    .join('')
}
