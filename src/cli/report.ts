// llem report: folders -> the results below them -> one page, or Markdown.

import { createReadStream, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import type { Objective } from '../compare/front.js'
import { closest } from '../core/closest.js'
import { csvOf } from '../core/csv.js'
import { LlemError, messageOf } from '../core/errors.js'
import { listedNames } from '../core/foreign-text.js'
import { printableLines } from '../core/printable.js'
import { llemVersion } from '../core/version.js'
import { PLANES } from '../report/planes.js'
import { type ReferencePoint, type ReferenceRecord, referencePoints } from '../report/reference-points.js'
import { reportOf } from '../report/report.js'
import { collect } from '../report/runs.js'
import { writeBytesAtomically } from '../results/files.js'
import { count, endWithout, nothingBelow } from './below.js'
import { EXIT, Exit, reportError } from './exit.js'
import { objectiveOf } from './objective.js'
import { isTerminal, say } from './screen.js'

const FORMATS = ['html', 'md'] as const
type Format = (typeof FORMATS)[number]

interface ReportOptions {
  format?: string
  output?: string
  referencePoints?: string
  slo?: string[]
  quiet?: boolean
  verbose?: boolean
}

/** Writes a report of all results below the folders; exit code 1 where one could not be read, after it was written. */
export async function report(paths: readonly string[], options: ReportOptions): Promise<void> {
  const { output, quiet = false, verbose = false } = options
  const format = formatOf(options)
  if (format === 'html' && output === undefined && isTerminal(process.stdout)) throw pageOnTerminal(paths)
  const objectives = (options.slo ?? []).map(drawableObjective)
  const references =
    options.referencePoints === undefined ? [] : await readReferencePoints(options.referencePoints)
  const { runs, leftOut, problems } = await collect(paths)
  for (const problem of problems) reportError(problem, verbose)
  if (runs.length === 0) {
    if (problems.length > 0) throw endWithout(problems)
    throw nothingBelow(paths, leftOut.length)
  }
  const matter = reportOf({ runs, leftOut, references, objectives, version: llemVersion() })
  const text = await (format === 'md' ? markdownOf(matter) : pageOf(matter))
  if (output === undefined) await print(text)
  else await writeBytesAtomically(output, Buffer.from(text))
  if (!quiet) {
    const { configurations } = matter
    const left = leftOut.length === 0 ? '' : `, ${leftOut.length} left out`
    const place = output === undefined ? '' : ` in ${output}`
    say(
      `Report of ${count(configurations.length, 'configuration')} and ${count(runs.length, 'run')}${left}${place}.`,
    )
  }
  if (problems.length > 0) throw new Exit(EXIT.failed)
}

/** A limit of something that energy is drawn against. */
function drawableObjective(typed: string): Objective {
  const objective = objectiveOf(typed)
  const drawn = PLANES.map(({ metric }) => metric)
  if (drawn.includes(objective.metric)) return objective
  throw new LlemError(`--slo ${typed}: a report draws energy against ${listedNames(drawn)}`, {
    code: 'OPTIONS_INVALID',
    hint: 'Name one of them; `llem compare CAMPAIGN --slo` takes every metric.',
    kind: 'usage',
  })
}

async function pageOf(matter: ReturnType<typeof reportOf>): Promise<string> {
  const { page } = await import('../report/page.js')
  return page(matter)
}

async function markdownOf(matter: ReturnType<typeof reportOf>): Promise<string> {
  const { markdown } = await import('../report/markdown.js')
  return markdown(matter)
}

/** As it was typed, else by the ending of the file, else HTML. */
function formatOf({ format, output }: ReportOptions): Format {
  const ending = output === undefined ? '' : extname(output).slice(1).toLowerCase()
  const byEnding: Format | undefined = { html: 'html', htm: 'html', md: 'md', markdown: 'md' }[ending] as
    | Format
    | undefined
  if (format === undefined && byEnding === undefined && ending !== '')
    throw unknownFormat(
      `llem writes no report as .${ending}, only ${FORMATS.join(', ')}.`,
      'Give the file another ending, or say which of them it shall be with --format.',
    )
  const wanted = format ?? byEnding ?? 'html'
  const known = FORMATS.find((each) => each === wanted)
  if (known !== undefined) return known
  const meant = closest(wanted, FORMATS)
  throw unknownFormat(
    `--format ${wanted} is not one of ${FORMATS.join(', ')}.`,
    meant === null ? 'Leave it away for HTML.' : `Did you mean ${meant}?`,
  )
}

function unknownFormat(message: string, hint: string): LlemError {
  return new LlemError(message, { code: 'FORMAT_UNKNOWN', hint, kind: 'usage' })
}

/** A CSV by its header, or a JSON list of objects. */
async function readReferencePoints(path: string): Promise<ReferencePoint[]> {
  return referencePoints(path, path.toLowerCase().endsWith('.json') ? readJson(path) : await readCsv(path))
}

async function readCsv(path: string): Promise<ReferenceRecord[]> {
  const records: ReferenceRecord[] = []
  try {
    const file = await csvOf(createReadStream(path, 'utf8'))
    for await (const { number, fields } of file?.rows ?? [])
      records.push({ place: `${path}:${number}`, fields: typeof fields === 'string' ? {} : fields })
  } catch (cause) {
    throw unreadable(path, cause)
  }
  return records
}

function readJson(path: string): ReferenceRecord[] {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (!Array.isArray(content)) throw new Error('it is no list')
    return content.map((each, at) => ({
      place: `${path}: [${at}]`,
      fields:
        typeof each === 'object' && each !== null && !Array.isArray(each)
          ? (each as Record<string, unknown>)
          : {},
    }))
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function unreadable(path: string, cause: unknown): LlemError {
  return new LlemError(`${path} cannot be read: ${messageOf(cause)}.`, {
    code: 'REFERENCE_POINTS_INVALID',
    hint: 'Give a CSV with a header, or a JSON list of objects.',
    kind: 'usage',
    cause,
  })
}

/** Names of others must not reach a terminal as commands; a file gets them as they are, which is escaped. */
function print(text: string): Promise<void> {
  const shown = isTerminal(process.stdout) ? printableLines(text) : text
  return new Promise((resolve) => process.stdout.write(shown, () => resolve()))
}

function pageOnTerminal(paths: readonly string[]): LlemError {
  return new LlemError('The report is a page, and stdout is a terminal.', {
    code: 'OUTPUT_IS_TERMINAL',
    hint: `Give a file with -o, as in \`llem report ${paths.join(' ')} -o report.html\`, or read it here with --format md.`,
    kind: 'usage',
  })
}
