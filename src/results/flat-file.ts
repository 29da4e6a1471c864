// Rows of cells -> the bytes of a file. An unknown cell is empty in CSV and null in the other two.

import { csvLine, withoutFormula } from '../core/csv-text.js'
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

/** With a head. */
function csv(rows: readonly (readonly Cell[])[]): string {
  const cells = (row: readonly Cell[]) =>
    row.map((cell, place) => (COLUMNS[place]?.type === 'text' ? withoutFormula(cell) : cell))
  return [COLUMNS.map(({ name }) => name), ...rows.map(cells)].map(csvLine).join('')
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
