// llem export: folders -> the results below them -> one row each -> a file.

import { extname } from 'node:path'
import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'
import { printableLines } from '../core/printable.js'
import { masked } from '../core/secrets.js'
import { writeBytesAtomically } from '../results/files.js'
import { findResults } from '../results/find.js'
import { FLAT_FORMATS, type FlatFormat, flatFile } from '../results/flat-file.js'
import { type Cell, flatRow } from '../results/flat-row.js'
import { refuseAltered } from '../results/kept-result.js'
import { readResult } from '../results/read.js'
import { count, endWithout, nothingBelow } from './below.js'
import { EXIT, Exit, reportError } from './exit.js'
import { isTerminal, say } from './screen.js'

interface ExportOptions {
  format?: string
  output?: string
  quiet?: boolean
  verbose?: boolean
}

/** Writes a row for each result; exit code 1 where one could not be read, after all others were written. */
export async function exportResults(paths: readonly string[], options: ExportOptions): Promise<void> {
  const { output, quiet = false, verbose = false } = options
  const format = formatOf(options)
  if (format === 'parquet' && output === undefined && isTerminal(process.stdout)) throw binaryOnTerminal()
  const { dirs, incomplete, problems } = findResults(paths)
  const rows: Cell[][] = []
  for (const problem of problems) reportError(problem, verbose)
  const unreadable: unknown[] = [...problems]
  for (const dir of dirs) {
    try {
      refuseAltered(dir)
      // An older llem may have written more than this one would.
      rows.push(masked(flatRow(readResult(dir), dir)))
    } catch (error) {
      // One damaged file of a thousand is said, and costs its own row.
      reportError(error, verbose)
      unreadable.push(error)
    }
  }
  if (rows.length === 0 && unreadable.length === 0) throw nothingBelow(paths, incomplete.length)
  // A table without rows would only replace the one of last time.
  if (rows.length === 0) throw endWithout(unreadable)
  const bytes = await flatFile(format, rows)
  if (output === undefined) await writeAll(bytes)
  else await writeBytesAtomically(output, bytes)
  if (!quiet) {
    const left = incomplete.length === 0 ? '' : `, ${count(incomplete.length, 'incomplete run')} left out`
    const place = output === undefined ? '' : ` to ${output}`
    say(`Exported ${count(rows.length, 'result')} as ${format}${place}${left}.`)
  }
  if (unreadable.length > 0) throw new Exit(EXIT.failed)
}

/** Endings of tables in other formats, which CSV must not be hidden behind. */
const OTHER_FORMATS: ReadonlySet<string> = new Set([
  'xlsx',
  'xls',
  'ods',
  'json',
  'feather',
  'arrow',
  'tsv',
  'db',
  'sqlite',
])

/** As it was typed, else by the ending of the file, else CSV. */
function formatOf({ format, output }: ExportOptions): FlatFormat {
  const byEnding = output === undefined ? '' : extname(output).slice(1).toLowerCase()
  if (format === undefined && OTHER_FORMATS.has(byEnding))
    throw new LlemError(`llem does not write .${byEnding}, only ${FLAT_FORMATS.join(', ')}.`, {
      code: 'FORMAT_UNKNOWN',
      hint: 'Give the file another ending, or say which of them it shall be with --format.',
      kind: 'usage',
    })
  const wanted = format ?? FLAT_FORMATS.find((known) => known === byEnding) ?? 'csv'
  const known = FLAT_FORMATS.find((each) => each === wanted)
  if (known !== undefined) return known
  const meant = closest(wanted, FLAT_FORMATS)
  throw new LlemError(`--format ${wanted} is not one of ${FLAT_FORMATS.join(', ')}.`, {
    code: 'FORMAT_UNKNOWN',
    hint: meant === null ? 'Leave it away for CSV.' : `Did you mean ${meant}?`,
    kind: 'usage',
  })
}

/** Resolves when everything was taken: a reader that goes away, or a full disk, ends llem elsewhere (main.ts). */
function writeAll(bytes: Uint8Array): Promise<void> {
  const shown = isTerminal(process.stdout) ? forTerminal(bytes) : bytes
  return new Promise((resolve) => process.stdout.write(shown, () => resolve()))
}

/** Names of others must not reach a terminal as commands; a file gets them as they are. */
function forTerminal(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).split('\r\n').map(printableLines).join('\r\n')
}

function binaryOnTerminal(): LlemError {
  return new LlemError('Parquet is binary, and stdout is a terminal.', {
    code: 'OUTPUT_IS_TERMINAL',
    hint: 'Give a file with -o, as in `llem export results --format parquet -o results.parquet`.',
    kind: 'usage',
  })
}
