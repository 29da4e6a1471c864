// Runs as a thread of parquet-file.ts, which may end it at any moment.

import { statSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { AsyncBuffer, Compressors, FileMetaData, SchemaTree } from 'hyparquet'
import { LlemError, messageOf } from '../core/errors.js'
import { shortened } from '../core/foreign-text.js'
import { LIMITS } from '../core/limits.js'
import { learnEnvironment } from '../core/secrets.js'
import { isMessage } from './conversation.js'
import { fileSlices } from './file-slices.js'
import type { TableOrder, TablePrompts, TableWord } from './parquet-file.js'
import { companionsOf, promptOf } from './shapes.js'
import type { TakenPrompt } from './taken.js'
import { type TableColumn, textColumn } from './text-column.js'
import { unreadableTable } from './unreadable-table.js'

/** Rows of text that are decoded in one step, so that a row group is not held twice, and prompts that are told in one. */
const TEXTS_AT_ONCE = 500
const PROMPTS_AT_ONCE = 500

// A thread knows nothing of what the process has learnt.
learnEnvironment(process.env)
const order: TableOrder = workerData
await readTable(order, (prompts) => say({ kind: 'prompts', prompts })).then(
  (table) => say({ kind: 'read', table }),
  (error: unknown) => {
    const known = error instanceof LlemError ? error : unreadableTable(order.path, messageOf(error), error)
    const { code, message, hint, kind: errorKind } = known
    say({ kind: 'refused', code, message, hint, errorKind })
  },
)

function say(word: TableWord): void {
  parentPort?.postMessage(word)
}

async function readTable(
  { path, column: wanted, needed }: TableOrder,
  give: (prompts: TakenPrompt[]) => void,
): Promise<Omit<TablePrompts, 'prompts'>> {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) throw unreadableTable(path, 'there is no such file')
  // A pipe may never be written to.
  if (!stat.isFile()) throw unreadableTable(path, 'it is no file')
  const [parquet, packed] = await Promise.all([import('hyparquet'), import('hyparquet-compressors')])
  const compressors = limited(packed.compressors)
  const opened = await opening(path, parquet)
  const { file, metadata } = opened
  const all = parquet.parquetSchema(metadata).children.map(columnOf)
  const { name: column, kind } = textColumn(all, wanted, path)
  // Of text whole pages are passed over undecoded; what is nested is decoded from the beginning of its row group.
  const rowsAtOnce = kind === 'text' ? TEXTS_AT_ONCE : Number.POSITIVE_INFINITY
  const companions = companionsOf(column).filter((name) =>
    all.some((each) => each.name === name && each.kind === 'text'),
  )
  let found = 0
  let empty = 0
  let chars = 0
  let rowStart = 0
  /** Takes rows, and keeps nothing of them: a function of its own, because one that waits for the next rows holds the last. */
  const take = (rows: readonly Record<string, unknown>[]): void => {
    let prompts: TakenPrompt[] = []
    for (const [index, row] of rows.entries()) {
      const prompt = promptOf(row, column, rowStart + index + 1)
      if (typeof prompt === 'string') {
        empty += 1
        continue
      }
      found += 1
      // One text that a dictionary repeats is small here and large where it goes.
      chars += prompt.prompt.text.length
      if (chars > LIMITS.prompt_file_bytes)
        throw unreadableTable(path, `its prompts have more than ${LIMITS.prompt_file_bytes} characters`)
      prompts.push(prompt)
      if (prompts.length < PROMPTS_AT_ONCE) continue
      give(prompts)
      prompts = []
    }
    give(prompts)
  }
  const read = (rowEnd: number) =>
    parquet
      .parquetReadObjects({
        file,
        metadata,
        columns: [column, ...companions],
        rowStart,
        rowEnd,
        compressors,
        useOffsetIndex: true,
      })
      .then(take, (cause: unknown) => {
        throw unreadableTable(path, shortened(messageOf(cause), 500), cause)
      })
  for (const { num_rows } of metadata.row_groups) {
    const end = rowStart + Number(num_rows)
    while (rowStart < end && found < needed) {
      // As many rows as are missing still, so that a row group of a million rows is not read for ten prompts.
      const rowEnd = Math.min(end, rowStart + needed - found, rowStart + rowsAtOnce)
      await read(rowEnd)
      rowStart = rowEnd
    }
  }
  return { column, empty, complete: rowStart === Number(metadata.num_rows) }
}

async function opening(
  path: string,
  { parquetMetadataAsync }: typeof import('hyparquet'),
): Promise<{ file: AsyncBuffer; metadata: FileMetaData }> {
  try {
    // It is closed with the thread.
    const file = await fileSlices(path)
    return { file, metadata: await parquetMetadataAsync(file) }
  } catch (cause) {
    throw unreadableTable(path, shortened(messageOf(cause), 500), cause)
  }
}

function columnOf({ element, children }: SchemaTree): TableColumn {
  const { name, type, converted_type, logical_type } = element
  const annotation = logical_type?.type ?? converted_type
  if (children.length === 0) {
    const isText = type === 'BYTE_ARRAY' && (annotation === 'STRING' || annotation === 'UTF8')
    return { name, kind: isText ? 'text' : 'other', type: annotation ?? type ?? 'unknown' }
  }
  const isOpening = isChat(children) || (name === 'turns' && isTextList(children))
  return { name, kind: isOpening ? 'chat' : 'other', type: annotation ?? 'STRUCT' }
}

/** A list of messages, however deep its list is: LIST > list > element > role, content. */
function isChat(children: readonly SchemaTree[]): boolean {
  const names = children.map(({ element }) => element.name)
  if (isMessage(names)) return true
  const [only, ...others] = children
  return only !== undefined && others.length === 0 && isChat(only.children)
}

/** A list of texts: LIST > list > element. */
function isTextList(children: readonly SchemaTree[]): boolean {
  const [only, ...others] = children
  if (only === undefined || others.length > 0) return false
  return only.children.length > 0 ? isTextList(only.children) : only.element.type === 'BYTE_ARRAY'
}

/** Decoders that refuse a page that says it is larger, unpacked, than a page can be. */
function limited(compressors: Compressors): Compressors {
  const entries = Object.entries(compressors).map(([name, unpack]) => {
    return [
      name,
      (input: Uint8Array, outputBytes: number) => {
        if (outputBytes > LIMITS.table_page_bytes)
          throw new Error(`a page claims ${outputBytes} bytes, more than ${LIMITS.table_page_bytes}`)
        return unpack(input, outputBytes)
      },
    ]
  })
  return Object.fromEntries(entries)
}
