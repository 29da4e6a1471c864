// The secrets that this process knows, and the one function that takes them out of whatever it writes: files, terminal,
// JSON, logs of children. Each is learnt once, where the process first meets it: its environment, its arguments, a
// configuration, a server's plan.

import { existsSync } from 'node:fs'
import { Needles } from './needles.js'
import { redactArguments, secretsIn } from './redact.js'
import { formsOf } from './secret-forms.js'
import { isCount, isSecretName, MASK, SHORTEST_SECRET } from './secret-names.js'
import { merged, type Range, shapesIn, withoutRanges } from './secret-shapes.js'

const known = new Needles()
const learnt = new Set<string>()

/** From now on this value is masked in all that is written; not where it is a number or too short to be told from other text. */
export function learnSecret(value: string): void {
  // A key of many lines is printed line by line; `Bearer x` is sent, and x is what is told again.
  const parts = [value, value.replace(/^\s*(bearer|basic|token)\s+/i, ''), ...value.split(/\r?\n/)]
  // name:password of an address, of which each may be shown alone, and not escaped.
  const [, password] = /^[^:/\s]+:([^:/\s]+)$/.exec(value) ?? []
  if (password !== undefined) parts.push(password, decoded(password))
  for (const part of parts.map((text) => text.trim())) {
    if (part.length < SHORTEST_SECRET || isCount(part) || learnt.has(part)) continue
    // What was masked must stay as it is when it is masked again: digests of it are kept.
    if (MASK.includes(part)) continue
    learnt.add(part)
    for (const form of formsOf(part)) if (form.length >= SHORTEST_SECRET) known.add(form)
  }
}

/** Learns what an environment holds under names that say so, or that looks like a secret. */
export function learnEnvironment(env: NodeJS.ProcessEnv): void {
  for (const [name, value = ''] of Object.entries(env)) {
    // A file with a secret is named like the secret.
    if (isSecretName(name) && !existsSync(value)) learnSecret(value)
    for (const secret of secretsIn(value)) learnSecret(secret)
  }
}

/** Learns what a configuration, a plan or a command line (a list of texts) holds, and the keys that it names. */
export function learnSecrets(value: unknown, env: NodeJS.ProcessEnv = process.env): void {
  for (const secret of secretsIn(value)) learnSecret(secret)
  for (const name of namedKeys(value)) learnSecret(env[name] ?? '')
}

/** The text without any secret that is known or looks like one. */
export function mask(text: string): string {
  return withoutRanges(text, rangesIn(text))
}

/** The text without the secrets that are known: for text that others have written, in which a look may deceive. */
export function maskKnown(text: string): string {
  return withoutRanges(text, known.in(text))
}

/** A copy of plain data without such secrets, in values and in keys. */
export function masked<T>(value: T, how: (text: string) => string = mask): T {
  if (typeof value === 'string') return how(value) as T
  if (Array.isArray(value)) return value.map((item) => masked(item, how)) as T
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [how(key), masked(item, how)])) as T
}

/** Plain data without such secrets. Almost all has none, which its text tells sooner than its parts; then it is no copy. */
export function withoutSecrets<T>(value: T): T {
  return rangesIn(JSON.stringify(value) ?? '').length === 0 ? value : masked(value)
}

/** JSON for a file or a terminal. */
export function maskedJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent)
  return rangesIn(text).length === 0 ? text : JSON.stringify(masked(value), null, indent)
}

/** A command for a file: by the names of its options, and by what is known. */
export function maskedArguments(args: readonly string[]): string[] {
  return redactArguments(args).map(mask)
}

/** Where a text has secrets, in order and without overlaps. */
export function rangesIn(text: string): Range[] {
  return merged([...known.in(text), ...shapesIn(text)])
}

/** The longest text that is searched for. */
export function longestSecret(): number {
  return known.longest
}

/** The text without the beginning of a secret at its end, where it was cut off. */
export function withoutBeginning(text: string): string {
  let longest = 0
  for (const secret of known.all)
    for (let length = Math.min(secret.length - 1, text.length); length > Math.max(longest, 3); length -= 1)
      if (text.endsWith(secret.slice(0, length))) longest = length
  return text.slice(0, text.length - longest)
}

/** The variables that hold keys, wherever a configuration names them. */
function namedKeys(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, item]) =>
    /(^|\.)api_key_env$/.test(key)
      ? [item].flat().filter((name) => typeof name === 'string')
      : namedKeys(item),
  )
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
