// Which column of a table has the prompts.

import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'
import { listedNames, shortened } from '../core/foreign-text.js'

/** A column, by what a prompt can be made of it: its text, or the beginning of a conversation. */
export interface TableColumn {
  name: string
  kind: 'text' | 'chat' | 'other'
  /** What it holds, in the table's own words. */
  type: string
}

/** Taken when no column was named, the first that there is. */
const NAMES = ['text', 'prompt', 'question', 'instruction', 'content']
/** What conversations are usually called; taken before some other text, which is often an id. */
const CHAT_NAMES = ['messages', 'conversations', 'conversation', 'turns']

/** The column with the prompts. Throws DATASET_COLUMN_UNKNOWN, DATASET_COLUMN_NOT_TEXT or DATASET_COLUMN_UNCLEAR. */
export function textColumn(
  columns: readonly TableColumn[],
  wanted: string | null,
  source: string,
): TableColumn {
  return wanted === null ? automatic(columns, source) : named(columns, wanted, source)
}

/**
 * What the header of a file leaves open. Throws DATASET_COLUMN_UNCLEAR where the name is there twice, or is a prompt: of a
 * file without a header the first one would be lost.
 */
export function headerNotes(
  columns: readonly string[],
  name: string,
  wanted: string | null,
  source: string,
): string[] {
  const count = columns.filter((each) => each === name).length
  if (count > 1)
    throw problem('DATASET_COLUMN_UNCLEAR', `${source} has ${count} columns ${JSON.stringify(name)}`, [
      'Give each a name of its own.',
    ])
  if (wanted !== null || NAMES.includes(name) || CHAT_NAMES.includes(name)) return []
  if (/[.?!:]$/.test(name) || name.split(/\s+/).length > 3)
    throw problem(
      'DATASET_COLUMN_UNCLEAR',
      `line 1 of ${source} is read as its header and looks like a prompt: ${JSON.stringify(shortened(name))}`,
      ['Put a line with the names of the columns before it, or name this column with dataset.column.'],
    )
  return [
    `line 1 of ${source} is taken for its header, and ${JSON.stringify(name)} for the name of its prompts`,
  ]
}

function named(columns: readonly TableColumn[], wanted: string, source: string): TableColumn {
  const column = columns.find(({ name }) => name === wanted)
  const names = columns.map(({ name }) => name)
  if (column === undefined) {
    const meant = closest(wanted, names)
    throw problem('DATASET_COLUMN_UNKNOWN', `${source} has no column ${JSON.stringify(wanted)}`, [
      ...(meant === null ? [] : [`Did you mean ${meant}?`]),
      `It has ${listedNames(names)}.`,
    ])
  }
  if (column.kind !== 'other') return column
  throw problem(
    'DATASET_COLUMN_NOT_TEXT',
    `the column ${wanted} of ${source} is no text but ${column.type}`,
    [adviceOn(columns)],
  )
}

function automatic(columns: readonly TableColumn[], source: string): TableColumn {
  const usable = columns.filter(({ kind }) => kind !== 'other')
  const texts = usable.filter(({ kind }) => kind === 'text')
  const byName = [...NAMES, ...CHAT_NAMES].flatMap((known) => usable.find(({ name }) => name === known) ?? [])
  const [only] = texts.length === 1 ? texts : usable.length === 1 ? usable : []
  const chosen = byName[0] ?? only
  if (chosen !== undefined) return chosen
  throw problem('DATASET_COLUMN_UNCLEAR', `it is not clear which column of ${source} has the prompts`, [
    adviceOn(columns),
  ])
}

function adviceOn(columns: readonly TableColumn[]): string {
  const usable = columns.filter(({ kind }) => kind !== 'other').map(({ name }) => name)
  return usable.length === 0
    ? `None of its columns is text: ${listedNames(columns.map(({ name, type }) => `${name} (${type})`))}.`
    : `Name it with dataset.column: ${listedNames(usable)}.`
}

function problem(code: string, message: string, advice: readonly string[]): LlemError {
  return new LlemError(message, { code, hint: advice.join(' '), kind: 'usage' })
}
