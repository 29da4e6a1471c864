import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'

/** A scenario of the simulated GPU that llem brings. */
export interface NamedScenario {
  /** What stands after --simulate, e.g. `h100`. */
  name: string
  /** Absolute path of its file. */
  path: string
  /** The first sentence of its description; the rest says where the figures are from. */
  summary: string
}

/** What stands after --simulate to list the names. */
export const LIST_SCENARIOS = 'help'

/** What to do about a scenario that is not there. */
export const SCENARIO_HINT =
  'Give the path of a scenario file or a name that `--simulate help` lists, or --simulate alone for the built-in one; a command stands after --, as in `llem exec --simulate -- sleep 1`.'

/**
 * The file of a scenario that was given by its path or, where there is no such file, by its name.
 *
 * @throws {LlemError} if there is neither
 */
export function scenarioFile(given: string): string {
  if (existsSync(given) || !looksLikeName(given)) return given
  const path = join(folder(), `${given}.json`)
  if (existsSync(path)) return path
  const meant = closest(given, names())
  throw new LlemError(
    `There is no scenario ${given}, as a file or by name.${meant === null ? '' : ` Did you mean ${meant}?`}`,
    { code: 'SCENARIO_UNKNOWN', hint: SCENARIO_HINT, kind: 'usage' },
  )
}

/** Whether this word, where a scenario is expected, asks for the list of those that have names. */
export function asksForScenarios(given: unknown): boolean {
  return given === LIST_SCENARIOS && !existsSync(LIST_SCENARIOS)
}

/** The scenarios that have names: boards first, what lies last, each by the alphabet. */
export function namedScenarios(): NamedScenario[] {
  return names().map((name) => {
    const path = join(folder(), `${name}.json`)
    const { description } = JSON.parse(readFileSync(path, 'utf8')) as { description: string }
    const [summary = ''] = /^.*?\.(?= |$)/.exec(description) ?? []
    return { name, path, summary }
  })
}

function names(): string[] {
  const files = readdirSync(folder()).filter((file) => file.endsWith('.json'))
  const all = files.map((file) => basename(file, '.json')).sort()
  const lies = (name: string) => name.startsWith('lying-')
  return [...all.filter((name) => !lies(name)), ...all.filter(lies)]
}

/** A path has a separator or an ending. */
function looksLikeName(given: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(given)
}

function folder(): string {
  return dirname(fileURLToPath(import.meta.resolve('#scenarios/any.json')))
}
