// A mapping of the Python tool -> keys of llem, key by key.

import { closest, didYouMean } from '../../config/did-you-mean.js'
import { nodeAt } from '../../config/json-schema.js'
import { campaignJsonSchema } from '../../config/load-campaign.js'
import type { Finding, Place } from '../../config/problems.js'
import { isTree, mergeTrees, nest, type Path, type Tree } from '../../config/tree.js'
import { meantBy } from '../../config/vocabulary.js'
import { mask } from '../../core/secrets.js'
import {
  entryOf,
  isTaken,
  type LostKey,
  type Origin,
  type Reading,
  type Rule,
  type Surroundings,
  to,
} from '../reading.js'
import { keysOfBackend, plainKey, ruleOfBackend } from './backends.js'
import { SOURCE_KEYS, settleLengths, sourceOf } from './datasets.js'
import { backendOf, KEYS } from './keys.js'
import { STUDY_KEYS } from './study-keys.js'

/** Groups of later files that only sort what earlier ones had at the top. */
const LEVELS: readonly string[] = ['task', 'measurement', 'decoder_config']
const BACKENDS: readonly string[] = ['pytorch', 'vllm', 'tensorrt']

/** Gathers what is read of one file. */
export class Reader {
  readonly lost: LostKey[] = []
  readonly findings: Finding[] = []
  readonly origins: Origin[] = []

  /** `place`: where a path of the foreign file stands. */
  constructor(private readonly place: (path: Path, part: 'key' | 'value') => Place) {}

  /** A foreign mapping at a path of its file, as what is laid at a path of llem's. */
  read(tree: Tree, at: Path, base: Path, around: Surroundings): Tree {
    let own: Tree = Object.create(null)
    const given = [...this.entries(tree, at, [])]
    // A preset or what implies a default comes first, so that what is written beside it has the last word; greedy decoding has it over a temperature.
    const rank = ({ path }: Entry) =>
      /(preset|n_warmup)$/.test(String(path.at(-1))) ? 0 : path.at(-1) === 'do_sample' ? 2 : 1
    for (const { path, value, rule } of given.sort((a, b) => rank(a) - rank(b)))
      for (const { to: key, value: taken, how = null } of this.take([...at, ...path], rule(value, around))) {
        own = mergeTrees(own, nest(key.split('.'), taken))
        this.note([...base, ...key.split('.')], [...at, ...path], how)
      }
    return settleLengths(own, (from, into) => {
      const origin = this.origins.find(
        ({ path }) => JSON.stringify(path) === JSON.stringify([...base, ...from]),
      )
      if (origin !== undefined) origin.path = [...base, ...into]
    })
  }

  /** One dotted key of a sweep. */
  readAxis(
    key: string,
    value: unknown,
    at: Path,
    around: Surroundings,
  ): { taken: Record<string, unknown>; isWhole: boolean } {
    const readings = [...this.entries(nest(key.split('.'), value), at, [])].flatMap(({ value: each, rule }) =>
      rule(each, around),
    )
    const found = readings.filter(isTaken)
    const isWhole = found.length > 0 || readings.every((reading) => isTaken(reading) || !reading.matters)
    const said = readings.map((reading) =>
      isTaken(reading)
        ? reading
        : { ...reading, why: `${JSON.stringify(value)}: ${reading.why}${isWhole ? '' : '; it is left out'}` },
    )
    return { taken: Object.fromEntries(this.take(at, said).map((each) => [each.to, each.value])), isWhole }
  }

  /** Says where a key of llem comes from. */
  note(path: Path, from: Path, how: string | null): void {
    this.origins.push({ path, from: from.join('.'), place: this.place(from, 'value'), how })
  }

  /** A problem at a place of the foreign file. */
  refuse(path: Path, message: string): void {
    this.findings.push({ place: this.place(path, 'value'), key: path.join('.'), message, suggestion: null })
  }

  private take(path: Path, readings: readonly Reading[]) {
    const key = path.filter((step) => typeof step === 'string').join('.')
    return readings
      .filter((reading) => {
        if (!isTaken(reading)) {
          const known = this.lost.some(
            (lost) =>
              lost.key === key &&
              lost.why === reading.why &&
              lost.place.where === this.place(path, 'key').where,
          )
          if (!known) this.lost.push({ key, place: this.place(path, 'key'), ...reading })
          return false
        }
        const isSecret = typeof reading.value === 'string' && mask(reading.value) !== reading.value
        if (isSecret)
          this.lost.push({
            key,
            place: this.place(path, 'key'),
            why: 'it holds a secret, which no file of llem does',
            matters: true,
          })
        return !isSecret
      })
      .filter(isTaken)
  }

  /** The keys of a mapping that a rule reads, as deep as needed. Unknown ones become findings. */
  private *entries(tree: Tree, at: Path, above: readonly string[]): Generator<Entry> {
    for (const [key, value] of Object.entries(tree)) {
      const path = [...above, key]
      const plain = plainPath(path)
      const rule = ruleFor(plain, value)
      if (rule !== null) yield { path, value, rule }
      else if (isSource(plain, value)) {
        yield { path, value, rule: () => sourceOf(value) }
        yield* this.entries(without(value, SOURCE_KEYS), at, path)
      } else if (isTree(value) && isGroup(plain)) yield* this.entries(value, at, path)
      else
        this.findings.push({
          place: this.place([...at, ...path], 'key'),
          key: path.join('.'),
          message: `unknown key \`${path.join('.')}\``,
          suggestion: suggestionFor(plain),
        })
    }
  }
}

interface Entry {
  path: readonly string[]
  value: unknown
  rule: Rule
}

/** Without levels that only sort, and with llem's names of backends. */
export function plainPath(path: readonly string[]): string[] {
  const [first = '', ...rest] = path
  if (LEVELS.includes(first) && rest.length > 0) return plainPath(rest)
  if (first === 'harness' && rest.length > 0) return plainPath(rest)
  const backend = backendOf(first)
  return typeof backend === 'string' && BACKENDS.includes(backend) ? plainKey([backend, ...rest]) : [...path]
}

function ruleFor(path: readonly string[], value: unknown): Rule | null {
  const key = path.join('.')
  if (isSource(path, value)) return null
  const rule = entryOf(KEYS, key) ?? entryOf(STUDY_KEYS, key)
  const isGroupToo = key === 'dataset' || key === 'energy'
  if (rule !== undefined && !(isGroupToo && isTree(value))) return rule
  const ofBackend = ruleOfBackend(path, !isTree(value))
  if (ofBackend !== null) return ofBackend
  if (isTree(value) && key !== '') return null
  // What both call the same.
  const isSame = nodeAt(path) !== undefined || nodeAt(path, campaignJsonSchema()) !== undefined
  return isSame ? to(key) : null
}

function isSource(path: readonly string[], value: unknown): value is Tree {
  return (
    path.length === 1 &&
    (path[0] === 'dataset' || path[0] === 'prompts') &&
    isTree(value) &&
    SOURCE_KEYS.some((key) => key in value)
  )
}

function isGroup(path: readonly string[]): boolean {
  const prefix = `${path.join('.')}.`
  const isKnown = [...Object.keys(KEYS), ...Object.keys(STUDY_KEYS)].some((key) => key.startsWith(prefix))
  return (
    isKnown ||
    BACKENDS.includes(path[0] ?? '') ||
    nodeAt(path)?.properties !== undefined ||
    nodeAt(path, campaignJsonSchema())?.properties !== undefined ||
    [...LEVELS, 'harness', 'engine', 'output'].includes(path[0] ?? '')
  )
}

/** Of the tool's own words first; what llem would call it otherwise. */
function suggestionFor(path: readonly string[]): string | null {
  const key = path.join('.')
  const words = [...Object.keys(KEYS), ...Object.keys(STUDY_KEYS), ...BACKENDS.flatMap(keysOfBackend)]
  const inGroup =
    path.length < 2
      ? words.filter((word) => !word.includes('.'))
      : words.filter((word) => word.startsWith(`${path[0]}.`))
  const near = closest(key, inGroup) ?? closest(key, words)
  if (near !== null) return didYouMean(near)
  const [meant] = meantBy(path.at(-1) ?? '', path.length > 1 ? (path[0] ?? null) : null)
  return meant === undefined ? null : `llem calls it \`${meant}\``
}

function without(tree: Tree, keys: readonly string[]): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([key]) => !keys.includes(key)))
}
