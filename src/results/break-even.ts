// From which pause on it pays to unload a model: loading it again costs joules once, keeping it costs watts all the time.

/** A quantity and how far it may be off (k = 2); null where that is not known. */
export interface Uncertain {
  value: number
  uncertainty: number | null
}

export interface BreakEven {
  /** Null where it never pays, or nobody can tell. */
  seconds: number | null
  /** The interval of it (k = 2); null where an end is not known, or where there is none. */
  low_s: number | null
  high_s: number | null
  /** Why a number is null; null where none is. */
  reason: string | null
}

/**
 * The pause t with `loaded x t = unloaded x (t - s) + load`, where loading takes s seconds at the end of the pause. Its
 * interval is Fieller's (1954), as it is a ratio whose denominator is uncertain too; a pause cannot be shorter than s.
 */
export function breakEven(
  { loadedW, unloadedW, loadJ }: { loadedW: Uncertain; unloadedW: Uncertain; loadJ: Uncertain },
  loadS: number,
): BreakEven {
  const costJ = loadJ.value - unloadedW.value * loadS
  const savedW = loadedW.value - unloadedW.value
  const [uLoaded, uUnloaded, uLoad] = [loadedW, unloadedW, loadJ].map(({ uncertainty }) => uncertainty)
  if (uLoaded == null || uUnloaded == null || uLoad == null) {
    const why = 'it is not known how far a level may be off'
    return savedW > 0 ? { ...only(Math.max(costJ / savedW, loadS)), reason: why } : none(why)
  }
  const uSaved = Math.hypot(uLoaded, uUnloaded)
  const shown = `${savedW.toFixed(1)} W +- ${uSaved.toFixed(1)} W`
  if (savedW < -uSaved) return none(`the GPUs draw more without the model: ${shown} would be saved`)
  if (savedW <= uSaved) return none(`the loaded model costs too little to tell: ${shown}`)
  const seconds = Math.max(costJ / savedW, loadS)
  const uCost = Math.hypot(uLoad, uUnloaded * loadS)
  const shared = loadS * uUnloaded ** 2
  const [a, b, c] = [savedW ** 2 - uSaved ** 2, costJ * savedW - shared, costJ ** 2 - uCost ** 2]
  const root = Math.sqrt(Math.max(b ** 2 - a * c, 0))
  return {
    seconds,
    low_s: Math.max((b - root) / a, loadS),
    high_s: Math.max((b + root) / a, loadS),
    reason: null,
  }
}

function only(seconds: number) {
  return { seconds, low_s: null, high_s: null }
}

function none(reason: string): BreakEven {
  return { seconds: null, low_s: null, high_s: null, reason }
}
