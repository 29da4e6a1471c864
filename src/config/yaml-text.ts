import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
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
    resolveKnownTags: false,
    prettyErrors: false,
    logLevel: 'error',
  })
  const faults: YamlFault[] = []
  let readable = true

  const syntax = doc.errors.filter(({ code }) => code !== 'DUPLICATE_KEY')
  const first = syntax[0]
  if (first !== undefined) {
    // Only the first: the others are mostly its consequences.
    readable = false
    faults.push({ offset: first.pos[0], message: syntaxMessage(first.code, first.message) })
  }
  for (const { code, pos } of doc.errors) {
    if (code === 'DUPLICATE_KEY')
      faults.push({ offset: pos[0], message: `the key ${keyAt(text, pos)}is given twice` })
  }
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
    offsetOf: (path, part) => offsetOf(doc, path, part),
  }
}

function syntaxMessage(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'a second document starts here; write one experiment per file'
  if (message.startsWith('Maximum call stack')) return 'not readable as YAML: nested too deeply'
  return `not readable as YAML: ${message}`
}

function keyAt(text: string, [start]: [number, number]): string {
  const key = /^[\w.-]+/.exec(text.slice(start, start + 100))
  return key === null ? '' : `\`${key[0]}\` `
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

function offsetOf(doc: Document, path: Path, part: 'key' | 'value'): number {
  let node: Node | null = doc.contents
  let offset = node?.range?.[0] ?? 0
  for (const [depth, step] of path.entries()) {
    const holder: Node | null | undefined = isAlias(node) ? node.resolve(doc) : node
    if (isMap(holder)) {
      // From the end: where a key is given twice, the later one is the value.
      const pair = holder.items.findLast(({ key }) => isScalar(key) && String(key.value) === String(step))
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
