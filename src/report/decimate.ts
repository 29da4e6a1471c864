// Long lines as few points, so that no spike and no dip vanishes: of each stretch its lowest and its highest value.

/** Seconds and values; null is unknown. Times rise. */
export interface Line {
  t: readonly number[]
  v: readonly (number | null)[]
}

/**
 * A line of at most so many points. Each stretch of equal length keeps its lowest and its highest value, in their order,
 * and a null where a value in it is unknown.
 */
export function decimated({ t, v }: Line, points: number): Line {
  if (t.length <= points) return { t, v }
  const [from, to] = [t[0] as number, t.at(-1) as number]
  // Two extremes and perhaps a null of each.
  const stretches = Math.max(1, Math.floor(points / 3))
  const length = (to - from) / stretches || 1
  const kept: { t: number[]; v: (number | null)[] } = { t: [], v: [] }
  let at = 0
  for (let stretch = 0; stretch < stretches; stretch++) {
    const end = stretch === stretches - 1 ? Number.POSITIVE_INFINITY : from + (stretch + 1) * length
    let [low, high, unknown] = [-1, -1, -1]
    for (; at < t.length && (t[at] as number) < end; at++) {
      const value = v[at] ?? null
      if (value === null) unknown = at
      else {
        if (low < 0 || value < (v[low] as number)) low = at
        if (high < 0 || value > (v[high] as number)) high = at
      }
    }
    const picked = [...new Set([low, high, unknown].filter((each) => each >= 0))].sort((a, b) => a - b)
    for (const each of picked) {
      kept.t.push(t[each] as number)
      kept.v.push(v[each] ?? null)
    }
  }
  return kept
}

/** A stretch of time, seconds. */
export interface Stretch {
  from: number
  to: number
}

/** Stretches that are nearer to each other than `gap`, as one: flapping makes thousands of them. None is left out. */
export function merged<S extends Stretch>(stretches: readonly S[], gap: number): S[] {
  const all: S[] = []
  for (const each of stretches) {
    const last = all.at(-1)
    if (last !== undefined && each.from - last.to <= gap)
      all[all.length - 1] = { ...last, to: Math.max(last.to, each.to) }
    else all.push(each)
  }
  return all
}
