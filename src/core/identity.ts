import { createHash } from 'node:crypto'
import { configure } from 'safe-stable-stringify'

const stringify = configure({ strict: true, circularValue: TypeError })

/** JSON with sorted keys and no `undefined`, so that equal data give equal text. Throws on NaN, Infinity, functions. */
export function canonicalJson(value: unknown): string {
  const text = stringify(value)
  if (text === undefined) throw new TypeError(`canonical JSON has no ${typeof value}`)
  return text
}

/** The canonical JSON of objects that are part of several contents and never change. */
export type KnownJson = WeakMap<object, string>

/** The SHA-256 of the canonical JSON, in hex. */
export function contentHash(value: unknown, known?: KnownJson): string {
  const text = known === undefined ? canonicalJson(value) : assembledJson(value as object, known)
  return createHash('sha256').update(text).digest('hex')
}

/** The same as `contentHash` of the list, without a text of the whole list in memory. */
export function contentHashOfList(items: readonly unknown[]): string {
  const hash = createHash('sha256').update('[')
  for (const [index, item] of items.entries()) hash.update(`${index === 0 ? '' : ','}${canonicalJson(item)}`)
  return hash.update(']').digest('hex')
}

/** The canonical JSON of a mapping, whose parts are made once each. */
function assembledJson(value: object, known: KnownJson): string {
  const mapping = value as Record<string, unknown>
  let text = ''
  for (const key of Object.keys(mapping).sort()) {
    const part = mapping[key]
    if (part !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${partJson(part, known)}`
  }
  return `{${text}}`
}

function partJson(part: unknown, known: KnownJson): string {
  if (typeof part !== 'object' || part === null) return canonicalJson(part)
  let text = known.get(part)
  if (text === undefined) {
    text = canonicalJson(part)
    known.set(part, text)
  }
  return text
}
