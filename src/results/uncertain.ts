// How a quantity with an uncertainty is written, everywhere: the uncertainty with two significant digits, the quantity as
// far as it is known by that.

/** "75.50 J +- 0.61 J" (k = 2, on this board), "1218 J +- 14 J", "75.5 J" where nothing is known of it, "-" for null. */
export function uncertain(value: number | null, uncertainty: number | null, unit: string): string {
  if (value === null) return '-'
  const of = (text: string) => `${text} ${unit}`.trimEnd()
  if (uncertainty === null || !(uncertainty > 0) || !Number.isFinite(uncertainty)) return of(fixed(value, 1))
  return `${of(fixed(rounded(value, uncertainty), decimals(uncertainty)))} +- ${of(plain(uncertainty))}`
}

/** Two significant digits, never as a power of ten: "0.61", "14", "120", "0.00012". */
export function plain(amount: number): string {
  return Number(amount.toPrecision(2)).toFixed(decimals(amount))
}

/** "+- 3.8 J (5.0 %)": an uncertainty and its share of the value; null where it is not known. */
export function bound(value: number | null, uncertainty: number | null, unit: string): string | null {
  if (value === null || uncertainty === null || !(uncertainty > 0)) return null
  const share = value > 0 ? ` (${plain((100 * uncertainty) / value)} %)` : ''
  return `+- ${plain(uncertainty)} ${unit}${share}`
}

/** How many digits after the point the second significant one is. */
function decimals(amount: number): number {
  const leading = Math.floor(Math.log10(Number(amount.toPrecision(2))))
  return Math.min(Math.max(1 - leading, 0), 20)
}

/** To the place of the second significant digit of its uncertainty, also before the point. */
function rounded(value: number, uncertainty: number): number {
  const step = 10 ** Math.max(Math.floor(Math.log10(Number(uncertainty.toPrecision(2)))) - 1, 0)
  return step === 1 ? value : Math.round(value / step) * step
}

/** What rounds to nothing has no sign. */
function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits)
  return Number(text) === 0 ? text.replace('-', '') : text
}
