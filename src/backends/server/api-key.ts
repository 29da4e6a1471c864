import { LlemError } from '../../core/errors.js'

const DEFAULT_VARIABLE = 'OPENAI_API_KEY'
const MASK = '[redacted]'

/** The key of the named variable, or of OPENAI_API_KEY; null where there is none. Throws OPTIONS_INVALID. */
export function apiKeyOf(variable: string | null, env: NodeJS.ProcessEnv): string | null {
  // What a shell reads from a file ends with a newline, which no header may hold.
  const key = env[variable ?? DEFAULT_VARIABLE]?.trim()
  if (key !== undefined && key !== '') return key
  if (variable === null) return null
  throw new LlemError(`the environment variable ${variable} is not set, and api_key_env names it`, {
    code: 'OPTIONS_INVALID',
    hint: `Run: export ${variable}=..., or leave api_key_env out.`,
    kind: 'usage',
  })
}

/** A function that takes the key out of whatever a server says: some repeat it in their errors and logs. */
export function scrubber(key: string | null): (text: string) => string {
  return key === null ? (text) => text : (text) => text.replaceAll(key, MASK)
}
