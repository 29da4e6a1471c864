// Whether two names mean the same model. One model has many names: a path, the name of its file, an id of Hugging Face,
// a tag of Ollama, the name that a proxy puts a provider before. What is not known to be the same is another model.

/** How sure it is that a name that was told is the model that was asked for. */
export type Likeness = 'same' | 'alike' | 'pattern'

/**
 * How `told` (a server's word) fits `asked` (the person's): the same but for case and a default tag; alike, as a path is
 * like the name of its file; a pattern of a proxy such as "openai/*" that covers it; null where it is another model.
 */
export function likenessOf(asked: string, told: string): Likeness | null {
  const [wanted, given] = [plain(asked), plain(told)]
  if (wanted === '' || given === '') return null
  if (wanted === given) return 'same'
  if (given.includes('*')) return covers(given, wanted) ? 'pattern' : null
  return isAlike(wanted, given) ? 'alike' : null
}

/** Whether the two are the same model, whatever wrote them. */
export function isSameModel(asked: string, told: string): boolean {
  return likenessOf(asked, told) !== null
}

/** Case is no difference to Hugging Face, LM Studio and Ollama, and no tag is ":latest" to Ollama. */
export function plain(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replaceAll('\\', '/')
    .replace(/^hf:([\w.-]+(?:\/[\w.-]+)?)(?:@[^:]*)?/, '$1')
    .replace(/^ollama:(?=[^/])/, '')
    .replace(/\/+$/, '')
    .replace(/:latest$/, '')
}

function covers(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(name)
}

function isAlike(wanted: string, given: string): boolean {
  const [a, b] = [stepsOf(wanted), stepsOf(given)]
  const [last, other] = [a.at(-1) ?? '', b.at(-1) ?? '']
  if (last !== other && !isSnapshotOf(last, other) && !isQuantisedOf(last, other)) return false
  // One of the two is a name alone, or an id at the end of a path.
  const shared = Math.min(a.length, b.length)
  const isEnd = a.slice(-shared, -1).join('/') === b.slice(-shared, -1).join('/')
  if (isEnd) return shared > 1 || !isGeneric(last)
  // A container sees a file in another place than its host, and a folder is no owner; two owners are two models.
  return (isPath(wanted) || isPath(given)) && !isGeneric(last)
}

/** The parts of a name that tell something: of a file without its ending, of a cache of Hugging Face the id. */
export function stepsOf(name: string): string[] {
  const cached = /(?:^|\/)models--([^/]+?)--([^/]+)(?:\/|$)/.exec(name)
  if (cached !== null) return [cached[1] ?? '', cached[2] ?? '']
  const bare = name
    .replace(/^[a-z]+:\/\//, '')
    .replace(/\.gguf$/, '')
    .replace(/-\d{5}-of-\d{5}$/, '')
  return bare.split('/').filter((step) => step !== '' && step !== '.' && step !== '~')
}

/** An absolute path, one from here or from home, or a file. */
export function isPath(name: string): boolean {
  return /^(?:[./~]|[a-z]:\/)/.test(name) || name.endsWith('.gguf')
}

/** Names that many files have, and that say nothing without their folder. */
export function isGeneric(name: string): boolean {
  return /^(?:(?:ggml-)?model(?:[-_.].*)?|main|latest|final|merged|output|best|default|checkpoint[-_]?\d*|\d+|[0-9a-f]{40})$/.test(
    name,
  )
}

/** Services answer for "gpt-4o" as "gpt-4o-2024-08-06". A date of four digits is the name of other weights. */
function isSnapshotOf(name: string, told: string): boolean {
  return (
    told.startsWith(`${name}-`) && /^(?:20\d\d-\d\d-\d\d|20\d{6}|latest)$/.test(told.slice(name.length + 1))
  )
}

/** llama-server adds the file that it took of a repository: "owner/name-GGUF:Q4_K_M". */
function isQuantisedOf(name: string, told: string): boolean {
  return told.startsWith(`${name}:`) && /^(?:i?q\d|f16|bf16|f32|mxfp4)/.test(told.slice(name.length + 1))
}
