/** What stands in the place of a secret. */
export const MASK = '[redacted]'

/** Anything shorter is found by chance inside of other text, so it is masked by its key only. */
export const SHORTEST_SECRET = 8

const SECRET = /(pass(word|wd)?|secret|token|api[-_]?key|(^|[-_.])key$|credential|authorization)/i
/** "tokenizer" sounds like a secret and names a file; the others name what holds a secret, or where it may go. */
const HARMLESS = /tokenizers?|api_key_(env|hosts)$|_(file|path|dir)$/gi

/** Whether what stands under this name is to be kept from everybody. */
export function isSecretName(name: string): boolean {
  return SECRET.test(name.replace(HARMLESS, ''))
}

/** A number under such a name counts tokens or limits them; secrets are text. */
export function isCount(text: string): boolean {
  return /^\d+(\.\d+)?$/.test(text.trim())
}
