// llem's writer of samples.parquet and pyarrow, with the same rows.
import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE, ROOT } from '../folders.mjs'
import { pythonWithPeers } from '../python-environment.mjs'
import { quantile } from '../statistics.mjs'

const FOLDER = join(CACHE, 'parquet')

export function measureParquet({ isQuick }) {
  const rows = isQuick ? 50_000 : 400_000
  const repetitions = isQuick ? 1 : 5
  mkdirSync(FOLDER, { recursive: true })
  const build = [
    'build',
    '--release',
    '--locked',
    '--quiet',
    '-p',
    'llem-meter',
    '--example',
    'write-samples',
  ]
  execFileSync('cargo', build, { cwd: ROOT, stdio: ['ignore', 2, 2] })
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target')
  const ours = join(FOLDER, 'llem.parquet')
  const seconds = Array.from({ length: repetitions }, () => {
    const printed = execFileSync(join(target, 'release/examples/write-samples'), [ours, String(rows)])
    return JSON.parse(printed).seconds
  })
  const script = join(ROOT, 'bench/parquet/pyarrow_writer.py')
  const peers = JSON.parse(
    execFileSync(pythonWithPeers(), [script, ours, String(repetitions)], { cwd: FOLDER }),
  )
  return {
    rows,
    writers: [{ writer: 'llem', seconds, bytes: statSync(ours).size }, ...peers].map(
      ({ writer, seconds, bytes }) => ({
        writer,
        rows_per_s: rows / quantile(seconds, 0.5),
        bytes_per_row: bytes / rows,
      }),
    ),
  }
}
