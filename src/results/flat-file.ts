// Rows of cells -> the bytes of a file. An unknown cell is empty in CSV and null in the other two.

import { SCHEMA_VERSION } from './experiment.js'
import { type Cell, COLUMNS, type Column } from './flat-row.js'

export const FLAT_FORMATS = ['csv', 'jsonl', 'parquet'] as const
export type FlatFormat = (typeof FLAT_FORMATS)[number]

/** The rows as a file of the format; rows have the cells of COLUMNS. */
export async function flatFile(format: FlatFormat, rows: readonly (readonly Cell[])[]): Promise<Uint8Array> {
  if (format === 'parquet') return parquet(rows)
  return Buffer.from(format === 'csv' ? csv(rows) : jsonLines(rows))
}

/** RFC 4180 with a head; an empty text is quoted, so that it differs from an unknown one. */
function csv(rows: readonly (readonly Cell[])[]): string {
  const lines = [COLUMNS.map(({ name }) => name), ...rows.map((row) => row.map(csvCell))]
  return lines.map((cells) => `${cells.join(',')}\r\n`).join('')
}

function csvCell(cell: Cell): string {
  if (cell === null) return ''
  const text = String(cell)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function jsonLines(rows: readonly (readonly Cell[])[]): string {
  return rows
    .map((row) => Object.fromEntries(COLUMNS.map(({ name }, place) => [name, row[place] ?? null])))
    .map((object) => `${JSON.stringify(object)}\n`)
    .join('')
}

async function parquet(rows: readonly (readonly Cell[])[]): Promise<Uint8Array> {
  // Imported here: whoever does not write Parquet need not load it.
  const { parquetWriteBuffer } = await import('hyparquet-writer')
  const bytes = parquetWriteBuffer({
    columnData: COLUMNS.map((column, place) => ({
      name: column.name,
      type: PARQUET_TYPES[column.type],
      data: rows.map((row) => parquetCell(column, row[place] ?? null)),
      nullable: true,
    })),
    createdBy: 'llem',
    kvMetadata: [{ key: 'llem.schema_version', value: SCHEMA_VERSION }],
  })
  return new Uint8Array(bytes)
}

const PARQUET_TYPES = { text: 'STRING', integer: 'INT64', number: 'DOUBLE', boolean: 'BOOLEAN' } as const

function parquetCell({ type }: Column, cell: Cell): Cell | bigint {
  return type === 'integer' && typeof cell === 'number' ? BigInt(cell) : cell
}
