import type { Energy } from '../results/energy.js'

/** More than this share of the time in the driver is too much: deadlines are missed, and the load shares its locks. */
const MOST_OF_THE_TIME = 0.5
const MANY_MISSED = 0.05
/** An interval should be this many times as long as what the driver takes in it. */
const LEAVES = 4
const INTERVALS_MS = [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]

/** A warning's words about a driver that answers more slowly than the sampler asks; null where it keeps up. */
export function describeOverrun({
  sampler,
  devices,
  duration_sec,
}: Pick<Energy, 'sampler' | 'devices' | 'duration_sec'>): string | null {
  const polls = sampler === null ? 0 : sampler.samples / devices.length
  if (sampler === null || !(polls > 0) || !(duration_sec > 0)) return null
  const { driver_s, interval_ms, missed_deadlines, read_us_p50, read_us_p99 } = sampler
  const powerMs = ((read_us_p50 ?? 0) * devices.length) / 1000
  const missed = missed_deadlines / (polls + missed_deadlines)
  // Around its edges a window is read more often than asked for, so the time in the driver alone says nothing of a
  // short one.
  const powerIsSlow = powerMs / interval_ms > MOST_OF_THE_TIME
  const restIsSlow = driver_s / duration_sec > MOST_OF_THE_TIME && missed > MANY_MISSED
  if (!powerIsSlow && !restIsSlow) return null
  const neededMs = LEAVES * (powerIsSlow ? powerMs : (1000 * driver_s) / polls)
  const suggestedMs = INTERVALS_MS.find((each) => each > interval_ms && each >= neededMs)
  const read =
    read_us_p50 === null || read_us_p99 === null
      ? ''
      : `; one power reading took ${milliseconds(read_us_p50)} (99th percentile ${milliseconds(read_us_p99)})${devices.length === 1 ? '' : ` on each of ${devices.length} GPUs`}`
  const remedy =
    suggestedMs === undefined
      ? 'Measure fewer GPUs at a time: energy.devices in a configuration, --devices of a command.'
      : `Set energy.interval_ms: ${suggestedMs} in a configuration or --interval-ms ${suggestedMs} of a command, or read around the sensor's ticks only: energy.tick_locked: true, --tick-locked.`
  return `the driver was answering the sampler for ${driver_s.toFixed(1)}s of ${duration_sec.toFixed(1)}s, and ${(100 * missed).toFixed(0)}% of the deadlines of ${interval_ms}ms were missed${read}. That may slow the load down. ${remedy}`
}

function milliseconds(us: number): string {
  return `${(us / 1000).toFixed(1)}ms`
}
