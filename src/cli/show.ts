// llem show: a run's folder -> what is in it -> as `llem run` and `llem exec` printed it.

import { resolve } from 'node:path'
import type { Incomplete } from '../results/incomplete.js'
import { readRecord } from '../results/read.js'
import { withUncertainty } from './joules.js'
import { print, printJson, quantity, SIMULATED, screenWidth } from './screen.js'
import { attachedLines } from './show-attached.js'
import { execLines } from './show-exec.js'
import { showResult } from './show-result.js'
import { facts } from './tables.js'

/** Prints the result in a folder, also an incomplete one, whichever version of llem wrote it. */
export function show(path: string, { json, verbose }: { json?: boolean; verbose?: boolean }): void {
  const { record, dir } = readRecord(path)
  if (json) printJson({ ...record.content, result_dir: resolve(dir) })
  else if (record.kind === 'run') print(showResult(record.content, dir))
  else if (record.kind === 'exec') {
    const { attached } = record.content
    const lines = execLines(record.content, dir, {
      verbose: verbose ?? false,
      width: screenWidth(process.stdout),
    })
    print([...lines, ...(attached === undefined ? [] : attachedLines(attached))].join('\n'))
  } else print(incompleteLines(record.content, dir).join('\n'))
}

function* incompleteFacts(
  { experiment_id, status, error, model, backend, energy }: Incomplete,
  dir: string,
): Generator<[name: string, fact: string]> {
  yield ['Incomplete', `${experiment_id} (${status})`]
  yield ['Because', error]
  yield ['Model', `${model} (${backend})`]
  if (energy === null) yield ['Energy', 'unknown']
  else
    yield [
      'Energy',
      `${energy.total_j === null ? `unknown: ${energy.reason}` : withUncertainty(energy)} until then, in ${quantity(energy.duration_sec, 's', 2)}`,
    ]
  yield ['Files', dir]
}

function incompleteLines(incomplete: Incomplete, dir: string): string[] {
  return [...(incomplete.simulated ? [SIMULATED] : []), facts([...incompleteFacts(incomplete, dir)])]
}
