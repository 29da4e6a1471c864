// What to compare with, kept under a name: one file with the numbers that a comparison needs, which can be handed on.

import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { closest } from '../core/closest.js'
import { LlemError, messageOf } from '../core/errors.js'
import { listedNames, shortened } from '../core/foreign-text.js'
import { LIMITS } from '../core/limits.js'
import { dataDir } from '../core/paths.js'
import { llemVersion } from '../core/version.js'
import { prepareOutputDir, writeJsonAtomically } from '../results/files.js'
import { isFolder } from '../results/find.js'
import { readSource, type Source } from './read-series.js'
import { seriesSchema } from './series.js'

/** Raised when an older llem could misread a reference. */
const REFERENCE_VERSION = 1

const referenceSchema = z.object({
  reference_version: z.literal(REFERENCE_VERSION),
  name: z.string(),
  saved_at: z.string(),
  llem_version: z.string(),
  /** The path that was saved, on the machine of whoever saved it. */
  source: z.string(),
  series: z.array(seriesSchema).min(1),
})
export type Reference = z.infer<typeof referenceSchema>

/** Where references are kept if no other folder is named. */
export function referencesDir(): string {
  return join(dataDir(), 'references')
}

/** Letters, digits and `._-`, so that it is a name in every folder and never a path. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Throws REFERENCE_NAME_INVALID for what is no plain name. */
export function checkedName(name: string): string {
  if (NAME.test(name)) return name
  const plain = name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[._-]+|[._-]+$/g, '')
    .slice(0, 64)
  throw new LlemError(
    `${shortened(JSON.stringify(name))} is no name of a reference: it has 1 to 64 letters, digits and ._- and begins with a letter or digit`,
    {
      code: 'REFERENCE_NAME_INVALID',
      hint: NAME.test(plain) ? `Use ${plain}.` : 'Use a name such as main.',
      kind: 'usage',
    },
  )
}

/** Keeps what is in a path under a name; resolves with the file, and whether there was one of that name. */
export async function saveReference(
  name: string,
  path: string,
  dir = referencesDir(),
): Promise<{ file: string; replaced: boolean; reference: Reference; problems: string[] }> {
  checkedName(name)
  const { series, problems } = readSource(path)
  const measured = series.filter(({ runs }) => runs.length > 0)
  if (measured.length === 0)
    throw new LlemError(`${path} has no run that ended well`, {
      code: 'REFERENCE_EMPTY',
      hint: 'Keep one that has been measured: see `llem campaign status`.',
      kind: 'usage',
    })
  const reference: Reference = {
    reference_version: REFERENCE_VERSION,
    name,
    saved_at: new Date().toISOString(),
    llem_version: llemVersion(),
    source: path,
    series: measured,
  }
  const file = join(prepareOutputDir(dir), `${name}.json`)
  const replaced = existsSync(file)
  await writeJsonAtomically(file, reference)
  return { file, replaced, reference, problems }
}

/** The references in a folder, by name; those that cannot be read in words. */
export function listReferences(dir = referencesDir()): { references: Reference[]; problems: string[] } {
  const problems: string[] = []
  const references = namesIn(dir).flatMap((name) => {
    try {
      return [readReference(join(dir, `${name}.json`))]
    } catch (error) {
      problems.push(messageOf(error))
      return []
    }
  })
  return { references, problems }
}

/** Removes a reference. Throws REFERENCE_MISSING. */
export function removeReference(name: string, dir = referencesDir()): void {
  const file = join(dir, `${checkedName(name)}.json`)
  if (!existsSync(file)) throw missing(name, dir)
  rmSync(file)
}

/** What is typed as a side of a comparison: @NAME, the name or the file of a reference, or a path of results. */
export function readSide(typed: string, dir = referencesDir()): Source {
  if (typed.startsWith('@')) {
    const name = checkedName(typed.slice(1))
    if (!namesIn(dir).includes(name)) throw missing(name, dir)
    return sourceOf(readReference(join(dir, `${name}.json`)))
  }
  const isReference = NAME.test(typed) && namesIn(dir).includes(typed)
  if (isReference && existsSync(typed))
    throw new LlemError(`${typed} is a reference, and a folder here`, {
      code: 'REFERENCE_UNCLEAR',
      hint: `Type @${typed} for the reference, ./${typed} for the folder.`,
      kind: 'usage',
    })
  if (isReference) return sourceOf(readReference(join(dir, `${typed}.json`)))
  if (typed.endsWith('.json') && basename(typed) !== 'result.json' && existsSync(typed) && !isFolder(typed))
    return sourceOf(readReference(typed))
  return readSource(typed)
}

function sourceOf({ name, series }: Reference): Source {
  return { name, series, problems: [] }
}

function namesIn(dir: string): string[] {
  if (!isFolder(dir)) return []
  return readdirSync(dir)
    .flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -'.json'.length)] : []))
    .filter((name) => NAME.test(name))
    .sort()
}

function readReference(file: string): Reference {
  try {
    const stat = statSync(file)
    const { size } = stat
    if (!stat.isFile()) throw new Error('it is no file')
    if (size > LIMITS.reference_bytes)
      throw new Error(`it has ${size} bytes, more than ${LIMITS.reference_bytes}`)
    return referenceSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    const why = cause instanceof z.ZodError ? problemOf(cause) : messageOf(cause)
    throw new LlemError(`${file} is no reference that this llem can read: ${why}`, {
      code: 'REFERENCE_DAMAGED',
      hint: 'Save it again with `llem reference save`.',
      kind: 'usage',
      cause,
    })
  }
}

function problemOf({ issues }: z.ZodError): string {
  const [first] = issues
  return `${first?.path.join('.') ?? ''}: ${first?.message ?? ''}`
}

function missing(name: string, dir: string): LlemError {
  const names = namesIn(dir)
  const meant = closest(name, names)
  const hint =
    meant !== null
      ? `Did you mean ${meant}?`
      : names.length === 0
        ? 'None is kept: `llem reference save NAME PATH` does it.'
        : `There are ${listedNames(names)}.`
  return new LlemError(`there is no reference ${JSON.stringify(name)} in ${dir}`, {
    code: 'REFERENCE_MISSING',
    hint,
    kind: 'usage',
  })
}
