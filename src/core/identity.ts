import { createHash } from 'node:crypto'
import { configure } from 'safe-stable-stringify'

const stringify = configure({ strict: true, circularValue: TypeError })

/** JSON with sorted keys and no `undefined`, so that equal data give equal text. Throws on NaN, Infinity, functions. */
export function canonicalJson(value: unknown): string {
  const text = stringify(value)
  if (text === undefined) throw new TypeError(`canonical JSON has no ${typeof value}`)
  return text
}

/** The SHA-256 of the canonical JSON, in hex. */
export function contentHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}
