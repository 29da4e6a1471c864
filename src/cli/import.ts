// llem import: files of other tools -> files of llem.

import { mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { loadExperimentConfig } from '../config/load.js'
import { loadCampaign } from '../config/load-campaign.js'
import { configError, type Problem } from '../config/problems.js'
import { LlemError, messageOf } from '../core/errors.js'
import { importFile, layerOf } from '../import/import.js'
import type { Imported } from '../import/reading.js'
import { yamlOf } from '../import/write.js'
import { writeNewFile } from './new-file.js'
import { print, say } from './screen.js'
import { tellLost } from './tell-import.js'

/** Writes each file in llem's words, into a folder or, one alone, to stdout. Those that are sound are written even where others are not. */
export function importFiles(files: readonly string[], { output }: { output?: string }): void {
  if (output === undefined && files.length > 1)
    throw new LlemError('several files need a folder to go to', {
      code: 'USAGE',
      hint: `Run: llem import ${files[0]} ... -o DIR`,
      kind: 'usage',
    })
  const problems: Problem[] = []
  for (const path of files) {
    const imported = foreign(path)
    const found = problemsOf(imported, path)
    if (found.length > 0) problems.push(...found)
    else if (output === undefined) print(yamlOf(imported, path).trimEnd())
    else {
      const written = write(yamlOf(imported, path), path, output)
      say(
        `${path} is ${imported.what}; wrote ${written}, for: llem ${imported.kind === 'campaign' ? 'campaign' : 'run'} ${written}`,
      )
    }
    if (found.length === 0) tellLost(imported)
  }
  if (problems.length > 0) throw configError(problems)
}

function foreign(path: string): Imported {
  const imported = importFile(path)
  if (imported !== null) return imported
  // Why it cannot be read is said in the words of llem's own files.
  const own = loadExperimentConfig({ path })
  const [only] = own.ok ? [] : own.problems
  if (only !== undefined && only.key === null) throw configError([only])
  throw new LlemError(`${path} is no file of the Python tool and no command line of vllm bench serve`, {
    code: 'NOTHING_TO_IMPORT',
    hint: 'A file of llem itself needs no import: llem run FILE, or llem campaign FILE.',
    kind: 'usage',
  })
}

/** What llem would refuse of it, where the foreign file has it. */
function problemsOf(imported: Imported, path: string): Problem[] {
  const file = layerOf(imported, path)
  const loaded = imported.kind === 'campaign' ? loadCampaign({ path, file }) : loadExperimentConfig({ file })
  return loaded.ok ? [] : loaded.problems
}

/** Never over a file that is there, and never half a file. */
function write(text: string, from: string, dir: string): string {
  const path = join(dir, `${basename(from).replace(/\.(ya?ml|json|sh|txt)$/i, '')}.yaml`)
  const hint = 'Name another folder: llem import FILE -o DIR'
  try {
    mkdirSync(dir, { recursive: true })
  } catch (cause) {
    throw new LlemError(`cannot write ${path}: ${messageOf(cause)}`, {
      ...{ code: 'FILE_NOT_WRITTEN', hint, cause },
      kind: 'usage',
    })
  }
  writeNewFile(path, text, { hint })
  return path
}
