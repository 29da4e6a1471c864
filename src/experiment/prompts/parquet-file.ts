import { existsSync } from 'node:fs'
import type { AsyncBuffer, FileMetaData, SchemaTree } from 'hyparquet'
import { LlemError, messageOf } from '../../core/errors.js'
import { promptIn, type TableColumn, textColumn } from './text-column.js'

/** What was read of a table, no more rows than were needed. */
export interface TablePrompts {
  texts: string[]
  column: string
  /** Rows that were looked at and have no prompt. */
  empty: number
  /** Whether there are no more rows. */
  complete: boolean
}

/**
 * Reads the first `needed` prompts of a Parquet file: only their column, and one row group after the other. Throws
 * PROMPTS_INVALID and what textColumn throws.
 */
export async function readParquetFile(
  path: string,
  { column: wanted, needed }: { column: string | null; needed: number },
): Promise<TablePrompts> {
  if (!existsSync(path)) throw unreadable(path, 'there is no such file')
  // Imported here: only this source needs them.
  const [parquet, { compressors }] = await Promise.all([import('hyparquet'), import('hyparquet-compressors')])
  const opened = await opening(path, parquet)
  const { file, metadata } = opened
  const column = textColumn(parquet.parquetSchema(metadata).children.map(columnOf), wanted, path).name
  const texts: string[] = []
  let empty = 0
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
          throw unreadable(path, messageOf(cause), cause)
        })
      for (const row of rows) {
        const text = promptIn(row[column])
        if (text === null) empty += 1
        else texts.push(text)
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
    throw unreadable(path, messageOf(cause), cause)
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

/** Whether these are the fields of a message. */
export function isMessage(names: readonly string[]): boolean {
  return (
    (names.includes('role') && names.includes('content')) ||
    (names.includes('from') && names.includes('value'))
  )
}

function unreadable(path: string, why: string, cause?: unknown): LlemError {
  return new LlemError(`the prompts in ${path} cannot be read (${why})`, {
    code: 'PROMPTS_INVALID',
    hint: 'Give the path of a Parquet file with a column of text.',
    kind: 'usage',
    cause,
  })
}
