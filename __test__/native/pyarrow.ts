// pyarrow, an independent reader of the files, in a virtual environment of its own.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PYARROW = 'pyarrow==26.0.1'
const root = fileURLToPath(new URL('../..', import.meta.url))
const python = join(root, '.cache/test-venv/bin/python')

/** An independent reader: what pyarrow makes of a file. */
const READ = `
import json, sys
import pyarrow.parquet as parquet
file = parquet.ParquetFile(sys.argv[1])
metadata = {key.decode(): value.decode() for key, value in file.metadata.metadata.items()}
print(json.dumps({
    "schema": [[field.name, str(field.type), field.nullable] for field in file.schema_arrow],
    "metadata": metadata,
    "columns": file.read().to_pydict(),
}, default=lambda time: time.isoformat()))
`

export interface Contents {
  schema: [name: string, type: string, nullable: boolean][]
  metadata: Record<string, string>
  columns: Record<string, (number | null)[]>
}

export function readParquet(path: string): Contents {
  return JSON.parse(runPython(READ, path))
}

/** Runs a script of Python that may import pyarrow. */
export function runPython(script: string, ...args: string[]): string {
  return execFileSync(python, ['-c', script, ...args], { encoding: 'utf8', maxBuffer: 2 ** 28 })
}

/** Why pyarrow cannot be had here, or null. */
export function installPyarrow(): string | null {
  return install('.cache/test-venv', PYARROW, 'pyarrow.parquet')
}

const STATSMODELS = 'statsmodels==0.15.0'

/** A Python with statsmodels and the SciPy that comes with it. */
export function pythonWithStatsmodels(): { python: string } | { missing: string } {
  const missing = install('.cache/test-venv-statsmodels', STATSMODELS, 'statsmodels.stats.multitest')
  return missing === null ? { python: join(root, '.cache/test-venv-statsmodels/bin/python') } : { missing }
}

const TOKENIZERS = 'tokenizers==0.22.2'

/** A Python with the tokenizers of Hugging Face, or why it cannot be had here. */
export function pythonWithTokenizers(): { python: string } | { missing: string } {
  const missing = install('.cache/test-venv-tokenizers', TOKENIZERS, 'tokenizers')
  return missing === null ? { python: join(root, '.cache/test-venv-tokenizers/bin/python') } : { missing }
}

/** What people read tables with. */
const READERS = ['duckdb==2.0.1', 'pandas==3.1.1', 'polars==2.1.0', 'prometheus-client==0.26.0']

/** A Python that has DuckDB, pandas, polars and Prometheus' own reader, or why it cannot be had here. */
export function pythonWithReaders(): { python: string } | { missing: string } {
  const missing = install('.cache/test-venv-readers', READERS, 'duckdb, pandas, polars, prometheus_client')
  return missing === null ? { python: join(root, '.cache/test-venv-readers/bin/python') } : { missing }
}

/** Makes a virtual environment with these packages, once however many files ask for it; why that cannot be, or null. */
function install(venvFolder: string, requirement: string | string[], module: string): string | null {
  const own = join(root, venvFolder, 'bin/python')
  const works = () => spawnSync(own, ['-c', `import ${module}`]).status === 0
  if (existsSync(own) && works()) return null
  mkdirSync(join(root, '.cache'), { recursive: true })
  // Held by flock(1) while its command runs; what comes later finds all done.
  const make = [
    'set -e',
    '"$1" -c "import $2" 2>/dev/null && exit 0',
    'python3 -m venv "$3"',
    'python="$1"; shift 3; exec "$python" -m pip install --quiet --no-compile "$@"',
  ].join('\n')
  const args = [own, module, join(root, venvFolder), ...[requirement].flat()]
  const made = spawnSync('flock', [join(root, `${venvFolder}.lock`), 'sh', '-c', make, 'sh', ...args], {
    encoding: 'utf8',
  })
  return works() ? null : `pip install ${requirement}: ${made.error?.message ?? made.stderr}`
}
