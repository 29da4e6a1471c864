import { fileURLToPath } from 'node:url'

/**
 * Periods near the update period show what the sensor averages over by the beat between both (arXiv:2312.02741 has
 * these ratios). A hundredth longer, so that the beat walks through all phases instead of a few; the last one is slow,
 * for boards that average over a second.
 */
const RATIOS = [2 / 3, 3 / 4, 4 / 5, 6 / 5, 5 / 4, 4 / 3, 7.2].map((ratio) => ratio * 1.013)

/** How long each period lasts, seconds. */
const EACH_S = 4

/** How long it takes to have had them all, milliseconds. */
export const ALL_PULSES_MS = RATIOS.length * EACH_S * 1000

/**
 * Seconds of work and rest, half of each: long enough for a meter that is read once a second, and each of another length, so
 * that two clocks can be laid beside one another in one way only.
 */
const STEADY_PERIODS_S = [16, 12, 20, 14]
/** How long a comparison with a meter takes. */
export const STEADY_MS = 1000 * STEADY_PERIODS_S.reduce((sum, periodS) => sum + periodS, 0)

/** The load that llem starts beside an external meter: levels that last. */
export function steadyCommand(): string[] {
  // Each period once: the time for it is over after one.
  return pulses(
    1,
    STEADY_PERIODS_S.map((periodS) => 1000 * periodS),
  )
}

/** The load that llem starts by itself: square waves by PyTorch, which Python `LLEM_PYTHON` or python3 has to have. */
export function pulsesCommand(updatePeriodMs: number): string[] {
  return pulses(
    EACH_S,
    RATIOS.map((ratio) => ratio * updatePeriodMs),
  )
}

function pulses(eachS: number, periodsMs: readonly number[]): string[] {
  const periods = periodsMs.flatMap((periodMs) => ['--period-ms', periodMs.toFixed(3)])
  const program = fileURLToPath(import.meta.resolve('#pulses'))
  return [process.env.LLEM_PYTHON || 'python3', program, '--for-s', String(eachS), ...periods]
}
