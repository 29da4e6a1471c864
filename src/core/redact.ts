// Secrets by their name and by their look, pure: the same value gives the same copy on every machine. What a secret looks
// like elsewhere, once it is known, is the matter of secrets.ts.

import { isCount, isSecretName, MASK } from './secret-names.js'
import { shapesIn, withoutRanges } from './secret-shapes.js'

/** Called with each secret that is met. */
type Found = (secret: string) => void

const nobody: Found = () => undefined

/**
 * Plain data in which all text below a key that sounds like a secret, or that looks like one, is masked. Parts without a
 * secret are not copied: a plan has a hundred thousand of them.
 */
export function redact<T>(value: T): T {
  return copy(value, false, nobody) as T
}

/** A command line in which `--api-key=x`, `--api-key x`, `API_KEY=x`, `Authorization: x` and `-u me:x` have lost their value. */
export function redactArguments(args: readonly string[]): string[] {
  return argumentsOf(args, nobody)
}

/** What `redact` would mask. */
export function secretsIn(value: unknown): string[] {
  const found: string[] = []
  copy(value, false, (secret) => found.push(secret))
  return found
}

function copy(value: unknown, isSecret: boolean, found: Found): unknown {
  if (typeof value === 'string') return isSecret ? secret(value, found) : byShape(value, found)
  if (Array.isArray(value)) {
    // A list of texts may be a command, as that of a server.
    if (!isSecret && value.every((item) => typeof item === 'string')) return argumentsOf(value, found)
    const items = value.map((item) => copy(item, isSecret, found))
    return items.every((item, index) => item === value[index]) ? value : items
  }
  if (value === null || typeof value !== 'object') return value
  const tree = value as Record<string, unknown>
  let redacted: Map<string, unknown> | null = null
  for (const key of Object.keys(tree)) {
    const item = copy(tree[key], isSecret || isSecretName(key), found)
    if (item === tree[key]) continue
    redacted ??= new Map()
    redacted.set(key, item)
  }
  if (redacted === null) return value
  return Object.fromEntries(Object.keys(tree).map((key) => [key, redacted.get(key) ?? tree[key]]))
}

function secret(text: string, found: Found): string {
  found(text)
  byShape(text, found)
  return MASK
}

function byShape(text: string, found: Found): string {
  const ranges = shapesIn(text)
  for (const { start, end } of ranges) found(text.slice(start, end))
  return withoutRanges(text, ranges)
}

/** Options of curl and wget that hold "name:password"; python has a -u of its own, whose neighbour has no colon. */
const LOGIN = /^(-u|--user|--proxy-user|-U)$/
const GLUED_LOGIN = /^(-[uU]|--user=|--proxy-user=)([^\s:/]+):(.+)$/s
/** The same within a line of a shell. */
const LOGIN_IN_LINE = /(^|\s)(-u|--user|--proxy-user)(\s+|=)(["']?)([^\s:/"']+):([^\s"']+)/g

function argumentsOf(args: readonly string[], found: Found): string[] {
  return args.map((arg, position) => {
    for (const separated of [/^([^=]+)(=)(.+)$/s, /^([^:]+)(:\s*)(.+)$/s]) {
      const [, name = '', separator = '', value = ''] = separated.exec(arg) ?? []
      if (!isSecretName(name) || isCount(value)) continue
      // Of a line of a shell all that follows is masked, but only what belongs to the name is a secret elsewhere too.
      const isOwn = isSecretName(/[\w.-]*$/.exec(name)?.[0] ?? '')
      if (isOwn) found(value.split(/[\s"'&]/)[0] ?? '')
      return `${byShape(name, found)}${separator}${secret(value, isOwn ? found : nobody)}`
    }
    const previous = args[position - 1] ?? ''
    const isValue = previous.startsWith('-') && !previous.includes('=') && !arg.startsWith('-')
    if (isValue && isSecretName(previous) && !isCount(arg)) return secret(arg, found)
    return byShape(withoutLogin(previous, arg, found), found)
  })
}

/** `1000:1000` is a user and a group. */
function withoutLogin(previous: string, arg: string, found: Found): string {
  const [, option = '', , glued = ''] = GLUED_LOGIN.exec(arg) ?? []
  if (glued !== '' && !isCount(glued)) {
    found(glued)
    return `${option}${MASK}`
  }
  const [, password = ''] = /^[^\s:/]+:(.+)$/s.exec(arg) ?? []
  if (LOGIN.test(previous) && password !== '' && !isCount(password)) {
    found(password)
    return MASK
  }
  return arg.replace(LOGIN_IN_LINE, (_, before, name, gap, quote, __, value) => {
    found(value)
    return `${before}${name}${gap}${quote}${MASK}`
  })
}
