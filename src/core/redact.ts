const SECRET = /(pass(word|wd)?|secret|token|api[-_]?key|credential|authorization)/i
// Words that look alike and are none: "max_tokens" counts, "tokenizer" names a file.
const HARMLESS = /(tokens|tokenizer|token_ids?)\b/i
const MASK = '[redacted]'

function isSecretName(name: string): boolean {
  return SECRET.test(name) && !HARMLESS.test(name)
}

/** A copy of plain data in which the value of every key that sounds like a secret is masked. */
export function redact<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item) => redact(item)) as T
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      isSecretName(key) && item !== null ? MASK : redact(item),
    ]),
  ) as T
}

/** A command line in which `--api-key=x` and `--api-key x` have lost their value. */
export function redactArguments(args: readonly string[]): string[] {
  return args.map((arg, position) => {
    const [name, value] = arg.split(/=(.*)/s)
    if (value !== undefined && name !== undefined && isSecretName(name)) return `${name}=${MASK}`
    const previous = args[position - 1]
    const isValue = previous?.startsWith('-') && !previous.includes('=') && !arg.startsWith('-')
    return isValue && isSecretName(previous ?? '') ? MASK : arg
  })
}
