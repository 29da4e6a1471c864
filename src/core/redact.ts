const SECRET = /(pass(word|wd)?|secret|token|api[-_]?key|(^|[-_])key$|credential|authorization)/i
const MASK = '[redacted]'

/** "tokenizer" sounds like a secret and names a file; "api_key_env" names the variable that holds one. */
function isSecretName(name: string): boolean {
  return SECRET.test(name.replace(/tokenizer/gi, '').replace(/api_key_env$/, ''))
}

/** A number under such a name counts tokens or limits them; secrets are text. */
function isCount(text: string): boolean {
  return /^\d+(\.\d+)?$/.test(text)
}

/** A copy of plain data in which all text below a key that sounds like a secret is masked. */
export function redact<T>(value: T, isSecret = false): T {
  if (typeof value === 'string') return (isSecret ? MASK : withoutLogin(value)) as T
  if (Array.isArray(value)) {
    // A list of texts may be a command, as that of a server.
    const items = value.every((item) => typeof item === 'string') ? redactArguments(value) : value
    return items.map((item) => redact(item, isSecret)) as T
  }
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, redact(item, isSecret || isSecretName(key))]),
  ) as T
}

/** https://name:password@host */
function withoutLogin(text: string): string {
  return text.includes('://') ? text.replace(/(:\/\/)[^\s/@]+:[^\s/@]+@/g, `$1${MASK}@`) : text
}

/** A command line in which `--api-key=x`, `--api-key x`, `API_KEY=x` and `Authorization: x` have lost their value. */
export function redactArguments(args: readonly string[]): string[] {
  return args.map((arg, position) => {
    for (const separated of [/^([^=]+)(=)(.+)$/s, /^([^:]+)(:\s*)(.+)$/s]) {
      const [, name = '', separator = '', value = ''] = separated.exec(arg) ?? []
      if (isSecretName(name) && !isCount(value)) return `${name}${separator}${MASK}`
    }
    const previous = args[position - 1] ?? ''
    const isValue = previous.startsWith('-') && !previous.includes('=') && !arg.startsWith('-')
    return isValue && isSecretName(previous) && !isCount(arg) ? MASK : withoutLogin(arg)
  })
}
