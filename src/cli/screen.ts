// What people see. Data goes to stdout, words go to stderr; colour only where a terminal shows it.

import pc from 'picocolors'
import { printableJson, printableLines } from '../core/printable.js'
import { maskedJson } from '../core/secrets.js'

/** Shown on every human-readable output of a simulated measurement. */
export const SIMULATED = 'SIMULATED: these numbers come from a simulated GPU, not from hardware.'

/** A quantity with its unit, or a dash where it is unknown. */
export function quantity(value: number | null | undefined, unit: string, digits = 1): string {
  if (value === null || value === undefined) return '-'
  const text = value.toFixed(digits)
  // What rounds to nothing has no sign.
  return `${Number(text) === 0 ? text.replace('-', '') : text} ${unit}`.trimEnd()
}

/** "45s", "12m", "3h20m" */
export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)}s`
  const minutes = Math.round(seconds / 60)
  return minutes < 60
    ? `${minutes}m`
    : `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`
}

export function say(text: string): void {
  write(process.stderr, printableLines(text))
}

export function print(text: string): void {
  write(process.stdout, printableLines(text))
}

/** A line at the bottom of stderr that words must not run into. */
interface LineBelow {
  hide(): void
  show(): void
}

let lineBelow: LineBelow | null = null

/** Whoever draws such a line says so, and says when it is gone. */
export function setLineBelow(line: LineBelow | null): void {
  lineBelow = line
}

/** Whether what is written there is seen by a person on a terminal that obeys escape codes. */
export function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb'
}

/** Columns of a terminal that shows what is written there; a pipe and a file have no end. */
export function screenWidth(stream: NodeJS.WriteStream): number {
  // Some say that they have 0 columns.
  return stream.isTTY === true ? stream.columns || 80 : Number.POSITIVE_INFINITY
}

/** The text must be printable: names and messages of others must not reach a terminal as commands. */
function write(stream: NodeJS.WriteStream, text: string): void {
  // Not picocolors' own judgement: it looks at stdout alone and takes CI=true for a terminal.
  const { yellow } = pc.createColors(isTerminal(stream) && !process.env.NO_COLOR)
  // Both streams are mostly the same terminal.
  lineBelow?.hide()
  stream.write(`${text.replace(SIMULATED, yellow)}\n`)
  lineBelow?.show()
}

/** `isLong`: what nobody reads as it stands has no blanks, which would be half of it. */
export function printJson(value: unknown, { isLong = false } = {}): void {
  write(process.stdout, printableJson(maskedJson(value, isLong ? undefined : 2)))
}
