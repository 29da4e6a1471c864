import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'
import { isFolder, runsIn } from './find.js'

const MAX_LISTED = 10
/** Letters that say which run is meant. */
const SHORTEST_PART = 4

/** RESULT_MISSING, with the folder that was meant as far as that can be told. */
export function missingResult(dir: string): LlemError {
  const { what, hint } = isFolder(dir) ? without(dir) : absent(dir)
  return new LlemError(`${dir} is no folder of a result: ${what}.`, {
    code: 'RESULT_MISSING',
    hint,
    kind: 'usage',
  })
}

function without(dir: string): { what: string; hint: string } {
  const what = 'it has no result.json'
  if (existsSync(join(dir, 'incomplete.json')))
    return { what: `${what}, its experiment did not end well`, hint: `See \`llem show ${dir}\`.` }
  // A campaign's plan; `llem export` looks through all of its runs.
  if (existsSync(join(dir, 'plan.json')))
    return {
      what: `${what}, it is the folder of a campaign`,
      hint: `See \`llem campaign status ${dir}\`; its results are below ${join(dir, 'runs')}.`,
    }
  const runs = runsIn(dir)
  if (runs.length > 0) return { what: `${what} of its own`, hint: listed(dir, runs) }
  if (readdirSync(dir).some((name) => name.endsWith('.partial')))
    return { what, hint: `llem was killed there: \`llem recover ${dir}\` makes its files readable.` }
  return { what, hint: 'Give the folder that `llem run` or `llem exec -o` has named.' }
}

function absent(dir: string): { what: string; hint: string } {
  const parent = dirname(dir)
  const runs = runsIn(parent)
  const typed = basename(dir)
  // A part of the name will do: a person remembers the label or copies the number at its end.
  const meant =
    (typed.length >= SHORTEST_PART ? runs.find((name) => name.includes(typed)) : undefined) ??
    closest(typed, runs)
  const hint =
    meant === null
      ? runs.length === 0
        ? 'Give the folder that `llem run` or `llem exec -o` has named.'
        : listed(parent, runs)
      : `Did you mean ${join(parent, meant)}?`
  return { what: existsSync(dir) ? 'it is a file' : 'there is no such folder', hint }
}

function listed(dir: string, runs: readonly string[]): string {
  const shown = runs.slice(0, MAX_LISTED).map((name) => join(dir, name))
  const rest = runs.length - shown.length
  return `Give one of ${shown.join(', ')}${rest > 0 ? ` or ${rest} older ones` : ''}.`
}
