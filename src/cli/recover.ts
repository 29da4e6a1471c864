// llem recover: a folder that a killed llem left -> its files made readable -> what they hold.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LlemError } from '../core/errors.js'
import { recoverFile } from '../native/recording.js'
import { isFolder } from '../results/find.js'
import { print, printJson, quantity } from './screen.js'
import { columns } from './tables.js'

const HINT = 'Give the folder of the run that was killed, below the one that -o named.'
const FILES = ['samples.parquet', 'timeseries.parquet'] as const

interface Recovered {
  file: string
  rows: number
  duration_sec: number
}

/** Makes the Parquet files of a folder from the partial ones. Throws NOTHING_TO_RECOVER where there is none. */
export async function recover(dir: string, { json }: { json?: boolean }): Promise<void> {
  if (!isFolder(dir))
    throw new LlemError(`There is no folder ${dir}.`, { code: 'FOLDER_MISSING', hint: HINT, kind: 'usage' })
  const recovered: Recovered[] = []
  try {
    for (const file of FILES.filter((name) => existsSync(join(dir, `${name}.partial`)))) {
      const { rows, durationS } = await recoverFile(join(dir, file))
      recovered.push({ file, rows, duration_sec: durationS })
    }
  } finally {
    // What was recovered is said, whatever the next file had to say.
    if (recovered.length > 0) show(dir, recovered, json ?? false)
  }
  if (recovered.length === 0) throw nothingIn(dir)
}

function show(dir: string, recovered: readonly Recovered[], json: boolean): void {
  if (json) printJson({ dir, recovered })
  else {
    const rows = recovered.map(({ file, rows, duration_sec }) => [
      file,
      `${rows} rows`,
      quantity(duration_sec, 's', 2),
    ])
    print(columns(['file', 'rows', 'of the window'], rows, [1, 2]))
  }
}

function nothingIn(dir: string): LlemError {
  return new LlemError(
    `There is nothing to recover in ${dir}: it has neither ${FILES.map((name) => `${name}.partial`).join(' nor ')}.`,
    {
      code: 'NOTHING_TO_RECOVER',
      hint: HINT,
    },
  )
}
