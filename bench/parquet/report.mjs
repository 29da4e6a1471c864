import { digits, table } from '../table.mjs'

export function parquetSection({ rows, files, writers }) {
  const lines = writers.map(({ writer, rows_per_s, bytes_per_row }) => [
    writer,
    Math.round(rows_per_s).toLocaleString('en'),
    digits(bytes_per_row),
  ])
  return `Writing the same ${rows.toLocaleString('en')} rows of \`samples.parquet\` (12 columns, Snappy), until the file is synced; the median
of ${files} files. llem begins with its samples as they come off the ring, pyarrow with columns or with rows of Python.

${table(['writer', 'rows/s', 'bytes/row'], lines)}`.trimEnd()
}
