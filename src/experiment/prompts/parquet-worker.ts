// Runs as a thread of parquet-file.ts, which may end it at any moment.

import { statSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { AsyncBuffer, Compressors, FileMetaData, SchemaTree } from 'hyparquet'
import { LlemError, messageOf } from '../../core/errors.js'
import { shortened } from '../../core/foreign-text.js'
import { LIMITS } from '../../core/limits.js'
import { learnEnvironment } from '../../core/secrets.js'
import type { TableOrder, TablePrompts, TableWord } from './parquet-file.js'
import { isMessage, promptIn, type TableColumn, textColumn } from './text-column.js'
import { unreadableTable } from './unreadable-table.js'

// A thread knows nothing of what the process has learnt.
learnEnvironment(process.env)
const order: TableOrder = workerData
await readTable(order, () => say({ kind: 'step' })).then(
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
  step: () => void,
): Promise<TablePrompts> {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) throw unreadableTable(path, 'there is no such file')
  // A pipe may never be written to.
  if (!stat.isFile()) throw unreadableTable(path, 'it is no file')
  const [parquet, packed] = await Promise.all([import('hyparquet'), import('hyparquet-compressors')])
  const compressors = limited(packed.compressors)
  const opened = await opening(path, parquet)
  const { file, metadata } = opened
  const column = textColumn(parquet.parquetSchema(metadata).children.map(columnOf), wanted, path).name
  const texts: string[] = []
  let empty = 0
  let chars = 0
  let rowStart = 0
  for (const { num_rows } of metadata.row_groups) {
    const end = rowStart + Number(num_rows)
    while (rowStart < end && texts.length < needed) {
      // As many rows as are missing still, so that a row group of a million rows is not read for ten prompts.
      const rowEnd = Math.min(end, rowStart + needed - texts.length)
      const rows = await parquet
        .parquetReadObjects({
          file,
          metadata,
          columns: [column],
          rowStart,
          rowEnd,
          compressors,
          useOffsetIndex: true,
        })
        .catch((cause: unknown) => {
          throw unreadableTable(path, shortened(messageOf(cause), 500), cause)
        })
      step()
      for (const row of rows) {
        const text = promptIn(row[column])
        if (text === null) empty += 1
        else texts.push(text)
        // One text that a dictionary repeats is small here and large where it goes.
        chars += text?.length ?? 0
        if (chars > LIMITS.prompt_file_bytes)
          throw unreadableTable(path, `its prompts have more than ${LIMITS.prompt_file_bytes} characters`)
      }
      rowStart = rowEnd
    }
  }
  return { texts, column, empty, complete: rowStart === Number(metadata.num_rows) }
}

async function opening(
  path: string,
  { asyncBufferFromFile, parquetMetadataAsync }: typeof import('hyparquet'),
): Promise<{ file: AsyncBuffer; metadata: FileMetaData }> {
  try {
    const file = await asyncBufferFromFile(path)
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
  return { name, kind: isChat(children) ? 'chat' : 'other', type: annotation ?? 'STRUCT' }
}

/** A list of messages, however deep its list is: LIST > list > element > role, content. */
function isChat(children: readonly SchemaTree[]): boolean {
  const names = children.map(({ element }) => element.name)
  if (isMessage(names)) return true
  const [only, ...others] = children
  return only !== undefined && others.length === 0 && isChat(only.children)
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
