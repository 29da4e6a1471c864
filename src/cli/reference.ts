// llem reference: what to compare with, kept under a name.

import {
  listReferences,
  type Reference,
  referencesDir,
  removeReference,
  saveReference,
} from '../compare/reference.js'
import { print, printJson, say } from './screen.js'
import { columns } from './tables.js'

interface ReferenceOptions {
  dir?: string
  json?: boolean
  quiet?: boolean
}

/** Keeps a path's numbers under a name. */
export async function keepReference(name: string, path: string, options: ReferenceOptions): Promise<void> {
  const { json = false, quiet = false } = options
  const { file, replaced, reference, problems } = await saveReference(name, path, options.dir)
  for (const problem of problems) say(`Note: ${problem}`)
  if (json) return printJson({ ...told(reference), file, replaced })
  if (!quiet) say(`${replaced ? 'Replaced' : 'Saved'} ${name}: ${contentText(reference)}, in ${file}.`)
}

/** Lists what is kept. */
export function showReferences(options: ReferenceOptions): void {
  const { references, problems } = listReferences(options.dir)
  for (const problem of problems) say(`Note: ${problem}`)
  const dir = options.dir ?? referencesDir()
  const rows = references.map((each) => [each.name, each.saved_at, contentText(each), each.source])
  if (options.json) printJson({ dir, references: references.map(told) })
  else if (rows.length === 0) say(`No reference is kept in ${dir}.`)
  else print(columns(['name', 'saved', 'what', 'of'], rows))
}

/** Forgets one. */
export function forgetReference(name: string, options: ReferenceOptions): void {
  removeReference(name, options.dir)
  if (!options.quiet) say(`Removed ${name}.`)
}

function told({ series, ...rest }: Reference) {
  return { ...rest, experiments: series.map(({ name, hash, runs }) => ({ name, hash, runs: runs.length })) }
}

function contentText({ series }: Reference): string {
  const runs = series.reduce((sum, each) => sum + each.runs.length, 0)
  return `${counted(series.length, 'experiment')}, ${counted(runs, 'run')}`
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
