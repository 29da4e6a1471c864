// Cells -> a line of CSV.

/** Null is unknown, and an empty cell. */
type Cell = string | number | boolean | null

/** RFC 4180; an empty text is quoted, so that it differs from an unknown one. */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`
}

function csvCell(cell: Cell): string {
  if (cell === null) return ''
  const text = String(cell)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/**
 * A spreadsheet computes a text that begins like a formula, and a model's name may be one: an apostrophe before it says that
 * it is text (OWASP, CSV injection). Numbers are left alone.
 */
export function withoutFormula<T extends Cell>(cell: T): T | string {
  return typeof cell === 'string' && /^[=+\-@\t\r\n\uFF0B\uFF0D\uFF1D\uFF20]/.test(cell) ? `'${cell}` : cell
}
