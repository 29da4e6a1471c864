// Power that no machine draws: what a sensor shows once in a while when a bus or a register was read wrongly.

import { plain } from '../../results/uncertain.js'

/** A rack of 72 GPUs draws 140 kW. */
const MOST_W = 1e6
/** Above the usual power by so many times, and by so much: an idle machine under load comes to a tenth of it. */
const TIMES_USUAL = 20
const ABOVE_USUAL_W = 3000
/** What is usual is the median of so many; a power that stays is usual after half of them. */
const REMEMBERED = 31

/** Whether no machine that usually draws `usualW` draws so much. */
export function isImpossible(powerW: number, usualW: number | null): boolean {
  if (powerW >= MOST_W) return true
  return usualW !== null && powerW > Math.max(TIMES_USUAL * usualW, usualW + ABOVE_USUAL_W)
}

/** Looks at readings of power one by one. */
export class PowerFilter {
  #latest: number[] = []

  /** Why a reading is none; null where it may be one. */
  whyNot(powerW: number): string | null {
    const sorted = [...this.#latest].sort((a, b) => a - b)
    const usualW = sorted[Math.floor(sorted.length / 2)] ?? null
    this.#latest = [...this.#latest, powerW].slice(-REMEMBERED)
    if (!isImpossible(powerW, usualW)) return null
    return `${plain(powerW)} W is impossible: ${usualW === null || powerW >= MOST_W ? 'no machine draws so much' : `usual is ${plain(usualW)} W`}`
  }
}
