import type { z } from 'zod'
import { expectation, wordsOf } from './describe.js'
import { closest, didYouMean, suggestKey } from './did-you-mean.js'
import { branchesOf, experimentJsonSchema, isFreeText, nodeAt, type SchemaNode } from './json-schema.js'
import { type Layer, placeOf } from './layers.js'
import { type Finding, given } from './problems.js'
import { nearestTimeZone } from './time-zones.js'
import { dotted, isTree, type Path, readPath, type Tree } from './tree.js'

/** A part of the written tree that the schema refuses. */
export type Refusal = { kind: 'value'; path: Path } | { kind: 'unknown'; path: Path }

/** What zod refused, each path once. Its own messages are dropped: they lack the range, the unit and the value. */
export function refusalsOf(issues: readonly z.core.$ZodIssue[], written: Tree): Refusal[] {
  const refusals = issues.flatMap((issue) => refusalsOfIssue(issue, [], written))
  const seen = new Set<string>()
  return refusals.filter(({ kind, path }) => {
    const id = JSON.stringify([kind, path])
    return seen.has(id) ? false : seen.add(id)
  })
}

function refusalsOfIssue(issue: z.core.$ZodIssue, base: Path, written: Tree): Refusal[] {
  const path: Path = [...base, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key): Refusal => ({ kind: 'unknown', path: [...path, key] }))
  }
  if (issue.code === 'invalid_union' && isTree(readPath(written, path))) {
    // A mapping was written, so say what is wrong inside it instead of "none of the kinds".
    const inside = issue.errors.find((branch) =>
      branch.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
    )
    if (inside !== undefined) return inside.flatMap((inner) => refusalsOfIssue(inner, path, written))
  }
  return [{ kind: 'value', path }]
}

/** A refusal in words, at its place. `root` is the schema that refused. */
export function findingOf(
  { kind, path }: Refusal,
  written: Tree,
  layers: readonly Layer[],
  root = experimentJsonSchema(),
): Finding {
  const key = dotted(path)
  if (kind === 'unknown') {
    const parent = path.slice(0, -1).map(String)
    const under = parent.length === 0 ? '' : ` under \`${parent.join('.')}\``
    const name = String(path.at(-1))
    const message = `unknown key \`${name}\`${under}`
    return { place: placeOf(layers, path, 'key'), key, message, suggestion: suggestKey(name, parent, root) }
  }
  const node = nodeAt(path, root) ?? {}
  const value = readPath(written, path)
  const place = placeOf(layers, path)
  if (value === undefined) {
    return { place, key, message: `${key} is missing: it must be ${expectation(node)}`, suggestion: null }
  }
  const message = `${key} must be ${expectation(node)}, got ${given(value)}`
  return { place, key, message, suggestion: suggestValue(value, node) }
}

function suggestValue(value: unknown, node: SchemaNode): string | null {
  if (value === null && node.type === 'object') return 'leave the key out for its defaults'
  if (typeof value === 'number' || typeof value === 'boolean')
    return isFreeText(node) ? 'put it in quotes' : null
  if (typeof value !== 'string') return null
  if (branchesOf(node).some(({ type }) => type === 'boolean')) {
    // YAML 1.1 read these as booleans, YAML 1.2 does not.
    const word = value.toLowerCase()
    if (['yes', 'on', 'y'].includes(word)) return didYouMean('true')
    return ['no', 'off', 'n'].includes(word) ? didYouMean('false') : null
  }
  const word = node.format === 'time-zone' ? nearestTimeZone(value) : closest(value, wordsOf(node))
  return word === null ? null : didYouMean(word)
}
