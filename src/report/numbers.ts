// Numbers for people: as many digits as are known, never a power of ten, always with a unit beside them.

import { plain, uncertain } from '../results/uncertain.js'

/** What stands where a number is unknown. */
export const UNKNOWN = '–'

/** "0.1110 ± 0.0022"; four digits where nothing is known of how far it may be off. */
export function plusMinus(value: number, uncertainty: number | null): string {
  return uncertainty !== null && uncertainty > 0
    ? uncertain(value, uncertainty, '').replace(' +- ', ' ± ')
    : digits(value, 4)
}

/** So many significant digits, as a plain decimal. */
export function digits(value: number, significant: number): string {
  if (value === 0) return '0'
  const rounded = Number(value.toPrecision(significant))
  return rounded.toFixed(decimalsOf(rounded, significant))
}

function decimalsOf(value: number, significant: number): number {
  return Math.min(Math.max(significant - 1 - Math.floor(Math.log10(Math.abs(value))), 0), 12)
}

/** Where numbers differ by more, one number of decimals would hide the small ones or make up digits of the large ones. */
const ALIGNED_WITHIN = 100

/** The same number of decimals for a column, so that its points stand below one another, where they are of one size. */
export function aligned(
  values: readonly (number | null)[],
  significant = 4,
): (value: number | null) => string {
  const sizes = values
    .filter((value) => value !== null && value !== 0)
    .map((value) => Math.abs(value as number))
  if (sizes.length > 0 && Math.max(...sizes) > ALIGNED_WITHIN * Math.min(...sizes))
    return (value) => (value === null ? UNKNOWN : digits(value, significant))
  const decimals = sizes.length === 0 ? 0 : decimalsOf(Math.max(...sizes), significant)
  return (value) => (value === null ? UNKNOWN : value.toFixed(Math.min(decimals, 9)))
}

/** "0.1098 to 0.1122": both ends with two digits of the distance between them. */
export function range(low: number, high: number): string {
  return `${within(low, low, high)} to ${within(high, low, high)}`
}

/** A number with as many decimals as the distance between two others is known to two digits. */
export function within(value: number, low: number, high: number): string {
  const width = high - low
  if (!(width > 0)) return digits(value, 4)
  return value.toFixed(Math.min(Math.max(1 - Math.floor(Math.log10(width)), 0), 12))
}

/** "12 %", "0.40 %" */
export function percent(share: number): string {
  return `${plain(100 * share)} %`
}

/** "45.0 s", "12 min 5 s", "3 h 20 min" */
export function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 5400) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** "3 runs", "1 run" */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
