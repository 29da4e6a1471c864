// Which column of a table has the prompts, and what of a cell is the prompt.

import { closest } from '../../core/closest.js'
import { LlemError } from '../../core/errors.js'
import { listedNames } from '../../core/foreign-text.js'

/** A column, by what a prompt can be made of it: its text, or the first message of a user in a conversation. */
export interface TableColumn {
  name: string
  kind: 'text' | 'chat' | 'other'
  /** What it holds, in the table's own words. */
  type: string
}

/** Taken when no column was named, the first that there is. */
const NAMES = ['text', 'prompt', 'question', 'instruction', 'content']
/** What conversations are usually called; taken before some other text, which is often an id. */
const CHAT_NAMES = ['messages', 'conversations', 'conversation']

/** The column with the prompts. Throws DATASET_COLUMN_UNKNOWN, DATASET_COLUMN_NOT_TEXT or DATASET_COLUMN_UNCLEAR. */
export function textColumn(
  columns: readonly TableColumn[],
  wanted: string | null,
  source: string,
): TableColumn {
  return wanted === null ? automatic(columns, source) : named(columns, wanted, source)
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

/** The prompt in a cell; null where there is none: no text, only blanks, or a conversation without a user. */
export function promptIn(cell: unknown): string | null {
  const text = typeof cell === 'string' ? cell : firstOfUser(messagesIn(cell))
  return text === null || text.trim() === '' ? null : text
}

/** Whether these are the fields of a message. */
export function isMessage(names: readonly string[]): boolean {
  return (
    (names.includes('role') && names.includes('content')) ||
    (names.includes('from') && names.includes('value'))
  )
}

interface Message {
  role: unknown
  content: unknown
}

/** Conversations are lists of messages, or a message of lists as Arrow stores a sequence of structs. */
function messagesIn(cell: unknown): Message[] {
  if (Array.isArray(cell)) return cell.flatMap(messageIn)
  if (typeof cell !== 'object' || cell === null) return []
  const { role, content } = fieldsOf(cell)
  if (!Array.isArray(role) || !Array.isArray(content)) return []
  return role.map((each, place) => ({ role: each, content: content[place] }))
}

function messageIn(message: unknown): Message[] {
  return typeof message === 'object' && message !== null ? [fieldsOf(message)] : []
}

/** {role, content}, or ShareGPT's {from, value}. */
function fieldsOf(message: object): Message {
  const { role, from, content, value } = message as Record<string, unknown>
  return { role: role ?? from, content: content ?? value }
}

function firstOfUser(messages: readonly Message[]): string | null {
  const first = messages.find(({ role }) => role === 'user' || role === 'human')
  return first === undefined ? null : textIn(first.content)
}

/** A message's content is text, or parts of which some are text. */
function textIn(content: unknown): string | null {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return null
  const texts = content.map((part) => (part as { text?: unknown } | null)?.text)
  return texts.filter((text) => typeof text === 'string').join('\n')
}
