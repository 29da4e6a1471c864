// Rows of cells -> the bytes of a file. An unknown cell is empty in CSV and null in the other two.

import { SCHEMA_VERSION } from './experiment.js'
import { type Cell, COLUMNS, type Column } from './flat-row.js'
import { prometheus } from './prometheus.js'

export const FLAT_FORMATS = ['csv', 'jsonl', 'parquet', 'prom'] as const
export type FlatFormat = (typeof FLAT_FORMATS)[number]

/** The rows as a file of the format; rows have the cells of COLUMNS. */
export async function flatFile(format: FlatFormat, rows: readonly (readonly Cell[])[]): Promise<Uint8Array> {
  if (format === 'parquet') return parquet(rows)
  return Buffer.from({ csv, jsonl: jsonLines, prom: prometheus }[format](rows))
}

/** RFC 4180 with a head; an empty text is quoted, so that it differs from an unknown one. */
function csv(rows: readonly (readonly Cell[])[]): string {
  const cells = (row: readonly Cell[]) =>
    row.map((cell, place) => csvCell(COLUMNS[place]?.type === 'text' ? withoutFormula(cell) : cell))
  const lines = [COLUMNS.map(({ name }) => name), ...rows.map(cells)]
  return lines.map((cells) => `${cells.join(',')}\r\n`).join('')
}

function csvCell(cell: Cell): string {
  if (cell === null) return ''
  const text = String(cell)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/**
 * A spreadsheet computes a text that begins like a formula, and a model's name may be one: an apostrophe before it says that
 * it is text (OWASP, CSV injection). Numbers are left alone.
 */
function withoutFormula(cell: Cell): Cell {
  return typeof cell === 'string' && /^[=+\-@\t\r\n\uFF0B\uFF0D\uFF1D\uFF20]/.test(cell) ? `'${cell}` : cell
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

const PARQUET_TYPES = {
  text: 'STRING',
  integer: 'INT64',
  number: 'DOUBLE',
  boolean: 'BOOLEAN',
  time: 'TIMESTAMP',
} as const

function parquetCell({ type }: Column, cell: Cell): Cell | bigint | Date {
  if (type === 'integer' && typeof cell === 'number') return BigInt(cell)
  return type === 'time' && cell !== null ? timeOf(cell) : cell
}

/** Null for what is no time: a result that was edited costs its own cell alone. */
function timeOf(cell: Cell): Date | null {
  const time = new Date(String(cell))
  return Number.isNaN(time.getTime()) ? null : time
}
