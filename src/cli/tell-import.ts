// What is said where a file of another tool is taken.

import { LlemError } from '../core/errors.js'
import { printable } from '../core/printable.js'
import { asCampaign, importFile } from '../import/import.js'
import type { Imported } from '../import/reading.js'
import { lineOfLost } from '../import/write.js'
import { say } from './screen.js'

/** A file of another tool in llem's words, with a word about it; null for llem's own. */
export function takeForeign(
  path: string,
  { as, quiet = false }: { as?: 'campaign'; quiet?: boolean } = {},
): Imported | null {
  const imported = importFile(path)
  if (imported === null) return null
  const taken = as === 'campaign' ? asCampaign(imported) : imported
  if (!quiet) {
    say(
      `Note: ${printable(path)} was read as ${imported.what}; \`llem import ${printable(path)}\` writes it in the words of llem.`,
    )
    tellLost(taken)
  }
  return taken
}

/** The keys without which something else is measured, each with its place; the others are counted. */
export function tellLost({ lost }: Imported): void {
  for (const each of lost.filter(({ matters }) => matters))
    say(`Note: no counterpart: ${printable(lineOfLost(each))}.`)
  const others = lost.filter(({ matters }) => !matters).length
  if (others > 0)
    say(`Note: ${others} more ${others === 1 ? 'key is' : 'keys are'} not needed; \`llem import\` has why.`)
}

/** A study is many experiments: what changes one key of an experiment has no meaning for it. */
export function refuseForStudy(path: string, given: readonly string[]): void {
  if (given.length === 0) return
  throw new LlemError(
    `${path} is a study, which is run as a campaign, where ${given.join(', ')} has no meaning`,
    {
      code: 'USAGE',
      hint: `Run: llem import ${path} -o DIR, change what it wrote, and run that with llem campaign`,
      kind: 'usage',
    },
  )
}
