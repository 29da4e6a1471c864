// llem's writer of samples.parquet and pyarrow, with the same rows.
import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE, ROOT } from '../folders.mjs'
import { pythonWithPeers } from '../python-environment.mjs'
import { builtExample } from '../rust-example.mjs'
import { quantile } from '../statistics.mjs'

const FOLDER = join(CACHE, 'parquet')

export function measureParquet({ isQuick }) {
  const rows = isQuick ? 50_000 : 400_000
  const python = pythonWithPeers()
  mkdirSync(FOLDER, { recursive: true })
  const writeSamples = builtExample('write-samples')
  const written = []
  // In turn, so that what else the machine does falls on all of them.
  for (let round = 0; round < (isQuick ? 1 : 9); round++) {
    const path = join(FOLDER, 'llem.parquet')
    const { seconds } = JSON.parse(execFileSync(writeSamples, [path, String(rows)]))
    written.push({ writer: 'llem', seconds, bytes: statSync(path).size })
    const script = join(ROOT, 'bench/parquet/pyarrow_writer.py')
    written.push(...JSON.parse(execFileSync(python, [script, path], { cwd: FOLDER })))
  }
  const names = [...new Set(written.map(({ writer }) => writer))]
  const writers = names.map((writer) => {
    const files = written.filter((file) => file.writer === writer)
    const seconds = files.map((file) => file.seconds)
    return { writer, rows_per_s: rows / quantile(seconds, 0.5), bytes_per_row: files[0].bytes / rows }
  })
  return { rows, files: written.length / names.length, writers }
}
