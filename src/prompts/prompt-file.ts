// Files of prompts: lines, JSON and CSV. Read as far as prompts are needed, so that a large file costs no more than a
// small one, and every bad entry up to there is named at once.

import { extname } from 'node:path'
import { csvOf, type Row } from '../core/csv.js'
import { LlemError, messageOf } from '../core/errors.js'
import { listedProblems } from '../core/foreign-text.js'
import { LIMITS } from '../core/limits.js'
import { pythonJson } from '../core/python-json.js'
import { textOf } from './encoding.js'
import { jsonValuesOf, linesOf, type Piece } from './entries.js'
import { isNoPrompt, promptOf } from './shapes.js'
import type { TakenPrompt } from './taken.js'
import { headerNotes, textColumn } from './text-column.js'

/** What was read of a file, no more prompts than were needed. */
export interface FilePrompts {
  prompts: TakenPrompt[]
  /** The field that was named, or the column of a CSV file; null where each entry tells for itself. */
  column: string | null
  /** Entries that have no prompt. */
  empty: number
  notes: string[]
}

/** An entry of a file: a prompt, null where it is blank, or what is wrong with it. */
interface Entry {
  where: string
  found: Found
}

/** `none`: it is no prompt, as a conversation without a user, which matters where there is nothing else. */
type Found = TakenPrompt | null | string | { none: string }

interface Entries {
  column: string | null
  entries: AsyncIterable<Entry>
  notes?: string[]
}

type Reader = (path: string, field: string | null) => Entries | Promise<Entries>

const READERS: Readonly<Record<string, Reader>> = {
  '.txt': (path) => ({ column: null, entries: plainLines(path) }),
  '.jsonl': (path, column) => ({ column, entries: jsonLines(path, column) }),
  '.ndjson': (path, column) => ({ column, entries: jsonLines(path, column) }),
  '.json': (path, column) => ({ column, entries: jsonValues(path, column) }),
  '.csv': csvRows,
  '.tsv': csvRows,
}

/**
 * Reads the first `needed` prompts of a .txt file, one a line; of a .jsonl file, one JSON text a line; of a .json file,
 * a list of them; of a .csv or .tsv file. What an entry may look like is in shapes.ts. Throws PROMPTS_INVALID, which
 * names every bad entry that was met, and DATASET_COLUMN_*.
 */
export async function readPromptFile(
  path: string,
  { field, needed }: { field: string | null; needed: number },
): Promise<FilePrompts> {
  const reader = READERS[extname(path).toLowerCase()]
  if (reader === undefined)
    throw invalid(
      `prompts come from "builtin" or from a file that ends in ${Object.keys(READERS).join(', ')} or .parquet, not from ${path}`,
    )
  try {
    const { column, entries, notes = [] } = await reader(path, field)
    return { column, notes, ...(await collected(path, entries, needed)) }
  } catch (error) {
    if (error instanceof LlemError) throw error
    throw invalid(`the prompts in ${path} cannot be read because ${messageOf(error)}`, error)
  }
}

async function collected(
  path: string,
  entries: AsyncIterable<Entry>,
  needed: number,
): Promise<{ prompts: TakenPrompt[]; empty: number }> {
  const prompts: TakenPrompt[] = []
  const problems: string[] = []
  let bad = 0
  let none = 0
  let empty = 0
  let chars = 0
  for await (const { where, found } of entries) {
    if (found === null) empty += 1
    else if (typeof found === 'string' || 'none' in found) {
      const isBad = typeof found === 'string'
      if (isBad) bad += 1
      else none += 1
      // Of a file of another kind every line is bad.
      if (problems.length < LIMITS.listed_problems) problems.push(`${where}: ${isBad ? found : found.none}`)
    } else {
      prompts.push(found)
      chars += found.prompt.text.length
      if (chars > LIMITS.prompt_file_bytes)
        throw invalid(
          `the first ${prompts.length} prompts in ${path} have more than ${LIMITS.prompt_file_bytes} characters`,
        )
    }
    if (prompts.length >= needed) break
  }
  if (bad > 0 || (none > 0 && prompts.length === 0)) {
    const all = bad + none
    const rest = all > problems.length ? `\n  and ${all - problems.length} more` : ''
    throw invalid(
      `${path} has ${all} bad ${all === 1 ? 'entry' : 'entries'}:\n${listedProblems(problems)}${rest}`,
    )
  }
  if (prompts.length === 0) throw invalid(`${path} has no prompts`)
  return { prompts, empty: empty + none }
}

async function* plainLines(path: string): AsyncGenerator<Entry> {
  let looked = 0
  for await (const { number, text } of linesOf(textOf(path))) {
    const line = text?.trim()
    if (line === '') continue
    if (looked < LOOKED_AT && line !== undefined && isJsonEntry(line))
      throw new Error(
        `line ${number} is an entry of JSON, which would be sent with its braces; let the file's name end in .jsonl`,
      )
    looked += 1
    const found = line === undefined ? tooLong() : promptOf(line, null, number)
    const as = typeof found === 'string' ? found : { ...found, taken: { ...found.taken, text: 'line' } }
    yield { where: `line ${number}`, found: as }
  }
}

/** So many lines of a text are looked at for entries of JSON. */
const LOOKED_AT = 20

/** A mapping in which llem would find a prompt, by itself, in a list on one line, or as a line of a list. */
function isJsonEntry(line: string): boolean {
  if (!/^[{[]/.test(line)) return false
  try {
    const value = pythonJson(line.replace(/,$/, ''))
    return typeof promptOf(Array.isArray(value) ? value[0] : value, null, 1) !== 'string'
  } catch {
    return false
  }
}

async function* jsonLines(path: string, field: string | null): AsyncGenerator<Entry> {
  for await (const piece of linesOf(textOf(path))) {
    if (piece.text?.trim() === '') continue
    for (const found of valuesIn(piece, field)) yield { where: `line ${piece.number}`, found }
  }
}

/** Names of lists that hold the entries of a JSON file, where the whole file is one mapping. */
const LISTS = ['data', 'prompts', 'rows', 'examples', 'instances', 'requests', 'items', 'entries']

async function* jsonValues(path: string, field: string | null): AsyncGenerator<Entry> {
  for await (const piece of jsonValuesOf(textOf(path)))
    for (const found of valuesIn(piece, field, LISTS)) yield { where: `entry ${piece.number}`, found }
}

/** The prompts of a JSON text, mostly one. */
function* valuesIn(
  { number, text }: Piece,
  field: string | null,
  lists: readonly string[] = [],
): Generator<Found> {
  if (text === null) {
    yield tooLong()
    return
  }
  let value: unknown
  try {
    value = pythonJson(text)
  } catch (error) {
    yield `no JSON (${messageOf(error)})`
    return
  }
  const found = entryOf(value, field, number)
  const list =
    typeof found === 'string' ? lists.map((name) => listIn(value, name)).find((each) => each !== null) : null
  if (list === null || list === undefined) {
    yield found
    return
  }
  for (const [index, item] of list.entries()) {
    const each = entryOf(item, field, index + 1)
    // All of them stand in one entry of the file.
    yield typeof each === 'string' ? `its item ${index + 1}: ${each}` : each
  }
}

/** A prompt; of several texts in one entry the first alone would be measured again and again. */
function entryOf(value: unknown, field: string | null, number: number): Exclude<Found, null> {
  const found = promptOf(value, field, number)
  if (isNoPrompt(value, field))
    return { none: typeof found === 'string' ? found : 'it is not what a user wrote (its role)' }
  if (typeof found === 'string') return found
  const name = /^(?:(?:body|payload)\.)?(\w+)\[0\]$/.exec(found.taken.text)?.[1]
  if (name === undefined || name === 'turns') return found
  const inner = value as Record<string, Record<string, unknown> | undefined>
  const texts = (inner.body ?? inner.payload ?? inner)[name] ?? inner[name]
  return Array.isArray(texts) && texts.length > 1
    ? `${JSON.stringify(name)} is a list of ${texts.length} texts, and an entry is one prompt; write an entry for each, or call the list "turns" where the first begins a conversation`
    : found
}

function listIn(value: unknown, name: string): unknown[] | null {
  const list = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : null
  return Array.isArray(list) ? list : null
}

async function csvRows(path: string, field: string | null): Promise<Entries> {
  const csv = await csvOf(textOf(path))
  if (csv === null) throw invalid(`${path} has no prompts`)
  const known = csv.columns.map((name) => ({ name, kind: 'text' as const, type: 'text' }))
  try {
    const { name } = textColumn(known, field, path)
    return {
      column: name,
      entries: rowEntries(csv.rows, name),
      notes: headerNotes(csv.columns, name, field, path),
    }
  } catch (error) {
    await csv.close()
    throw error
  }
}

async function* rowEntries(rows: AsyncIterable<Row>, column: string): AsyncGenerator<Entry> {
  for await (const { number, fields } of rows) {
    const where = `line ${number}`
    if (typeof fields === 'string') yield { where, found: fields }
    else if ((fields[column] ?? '').trim() === '') yield { where, found: null }
    else yield { where, found: entryOf(fields, column, number) }
  }
}

function tooLong(): string {
  return `it is longer than ${LIMITS.prompt_line_chars} characters`
}

function invalid(message: string, cause?: unknown): LlemError {
  return new LlemError(message, {
    code: 'PROMPTS_INVALID',
    hint:
      (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
        ? 'Correct the path in `prompts`, which is relative to the folder that llem runs in.'
        : 'A line of a .jsonl file is {"prompt": "..."} or "..."; a line of a .txt file is a prompt.',
    kind: 'usage',
    cause,
  })
}
