// A power curve whose joules are known exactly: levels that change at once, and a sine on top of them.

/**
 * @typedef {{ levels: { fromS: number, w: number }[], rippleW: number, rippleHz: number }} Curve
 * Levels in order, the first one from 0 s on.
 */

/**
 * Joules from 0 s until then.
 * @param {Curve} curve
 * @param {number} untilS
 */
export function joulesUntil({ levels, rippleW, rippleHz }, untilS) {
  const steps = levels.reduce((joules, { fromS, w }, k) => {
    const toS = Math.min(untilS, levels[k + 1]?.fromS ?? Infinity)
    return joules + w * Math.max(0, toS - fromS)
  }, 0)
  const turn = 2 * Math.PI * rippleHz
  return steps + (rippleW * (1 - Math.cos(turn * untilS))) / turn
}
