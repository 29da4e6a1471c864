import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import { messageOf } from '../core/errors.js'
import type { Path } from './tree.js'

/** An anchor may be repeated, but not multiplied into an exponential tree. */
const MAX_ALIASES = 50

/** Something wrong with the text itself, by its offset. */
export interface YamlFault {
  offset: number
  message: string
}

/** A text that was read as one YAML 1.2 document in the core schema. */
export interface YamlText {
  /** What the text says; undefined where it cannot be read at all. */
  value: unknown
  empty: boolean
  faults: YamlFault[]
  /** Line and column, from 1, of an offset. */
  position(offset: number): { line: number; col: number }
  /** The offset of a value, or of its key; of the nearest enclosing one where there is no such value. */
  offsetOf(path: Path, part: 'key' | 'value'): number
}

/** Reads YAML without running anything: no tags, no merge keys, no cycles, one document, few aliases. */
export function readYaml(text: string): YamlText {
  const lineCounter = new LineCounter()
  const doc = parseDocument(text, {
    lineCounter,
    // A directive `%YAML 1.1` would otherwise turn `yes` into true and bring merge keys and dates.
    schema: 'core',
    // Its own search for keys that are given twice takes a time that grows with the square of a mapping.
    uniqueKeys: false,
    resolveKnownTags: false,
    prettyErrors: false,
    logLevel: 'error',
  })
  const faults: YamlFault[] = []
  let readable = true

  const first = doc.errors[0]
  if (first !== undefined) {
    // Only the first: the others are mostly its consequences.
    readable = false
    faults.push({ offset: first.pos[0], message: syntaxMessage(first.code, first.message) })
  }
  const pairs = new PairsByKey()
  if (readable) faults.push(...repeatedKeys(doc))
  for (const { code, message, pos } of doc.warnings) {
    const tag = code === 'TAG_RESOLVE_FAILED'
    const name = message.replace(/^Unresolved tag: /, '').replace(/^tag:yaml\.org,2002:/, '!!')
    faults.push({ offset: pos[0], message: tag ? `the tag ${name} is not allowed here` : message })
  }

  let value: unknown
  if (readable) {
    const broken = aliasFaults(doc)
    faults.push(...broken)
    readable = broken.length === 0
  }
  if (readable) {
    try {
      value = doc.toJS({ maxAliasCount: MAX_ALIASES })
    } catch (error) {
      const bomb = error instanceof ReferenceError
      faults.push({ offset: 0, message: bomb ? 'the aliases (*name) multiply too much' : messageOf(error) })
      readable = false
    }
  }
  return {
    value: readable ? value : undefined,
    empty: readable && value === null,
    faults,
    position: (offset) => {
      const { line, col } = lineCounter.linePos(offset)
      return { line: Math.max(line, 1), col: Math.max(col, 1) }
    },
    offsetOf: (path, part) => offsetOf(doc, path, part, pairs),
  }
}

function syntaxMessage(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'a second document starts here; write one experiment per file'
  if (message.startsWith('Maximum call stack')) return 'not readable as YAML: nested too deeply'
  return `not readable as YAML: ${message}`
}

/** Keys that a mapping has already, by where they stand again. */
function repeatedKeys(doc: Document): YamlFault[] {
  const faults: YamlFault[] = []
  visit(doc, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key)) continue
        if (seen.has(key.value))
          faults.push({ offset: key.range?.[0] ?? 0, message: `the key ${named(key.value)}is given twice` })
        seen.add(key.value)
      }
    },
  })
  return faults
}

function named(key: unknown): string {
  const text = /^[\w.-]{1,100}/.exec(String(key))
  return text === null ? '' : `\`${text[0]}\` `
}

/** The pairs of mappings by their keys, so that the places of all values are found in one pass over each. */
class PairsByKey {
  readonly #known = new WeakMap<YAMLMap, Map<string, Pair>>()

  find(map: YAMLMap, key: string): Pair | undefined {
    let pairs = this.#known.get(map)
    if (pairs === undefined) {
      // Where a key is given twice, the later one is the value.
      pairs = new Map(
        map.items.flatMap((pair) => (isScalar(pair.key) ? [[String(pair.key.value), pair]] : [])),
      )
      this.#known.set(map, pairs)
    }
    return pairs.get(key)
  }
}

/** An alias without its anchor, and one inside its own anchor: the latter would be an object without end. */
function aliasFaults(doc: Document): YamlFault[] {
  const faults: YamlFault[] = []
  visit(doc, {
    Alias: (_, alias, ancestors) => {
      const anchor = alias.resolve(doc)
      const offset = alias.range?.[0] ?? 0
      if (anchor === undefined)
        faults.push({ offset, message: `the alias *${alias.source} has no anchor before it` })
      else if (ancestors.includes(anchor))
        faults.push({ offset, message: `the alias *${alias.source} contains itself` })
    },
  })
  return faults
}

function offsetOf(doc: Document, path: Path, part: 'key' | 'value', pairs: PairsByKey): number {
  let node: Node | null = doc.contents
  let offset = node?.range?.[0] ?? 0
  for (const [depth, step] of path.entries()) {
    const holder: Node | null | undefined = isAlias(node) ? node.resolve(doc) : node
    if (isMap(holder)) {
      const pair = pairs.find(holder, String(step))
      if (pair === undefined) return offset
      const keyOffset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value as Node | null
      offset = part === 'key' && depth === path.length - 1 ? keyOffset : (node?.range?.[0] ?? keyOffset)
    } else if (isSeq(holder)) {
      const item = holder.items[Number(step)] as Node | undefined
      if (item === undefined) return offset
      node = item
      offset = item.range?.[0] ?? offset
    } else return offset
  }
  return offset
}
