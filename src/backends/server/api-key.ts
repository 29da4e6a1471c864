import { LlemError } from '../../core/errors.js'
import { DEFAULT_KEY, hostOf, isDefaultKeyFor, mayCarryKey } from '../../core/key-policy.js'
import { learnSecret } from '../../core/secrets.js'
import type { TalkingOptions } from './options.js'

/**
 * The key for a server; null where it gets none. `base_url` null: one that is started here. The key of the variable that
 * is named, or OPENAI_API_KEY for OpenAI's own address: nobody else gets it unasked. Throws OPTIONS_INVALID where the
 * variable is not set, and where anybody could read the key on its way.
 */
export function apiKeyOf(
  {
    api_key_env,
    api_key_hosts,
    base_url,
  }: Pick<TalkingOptions, 'api_key_env' | 'api_key_hosts' | 'base_url'>,
  env: NodeJS.ProcessEnv,
): string | null {
  const isDefault = api_key_env === null && base_url !== null && isDefaultKeyFor(base_url)
  const variable = isDefault ? DEFAULT_KEY.variable : api_key_env
  if (variable === null) return null
  // What a shell reads from a file ends with a newline, which no header may hold.
  const key = env[variable]?.trim() ?? ''
  if (key === '' && isDefault) return null
  if (key === '')
    throw invalid(
      `the environment variable ${variable} is not set, and api_key_env names it`,
      `Run: export ${variable}=..., or leave api_key_env out.`,
    )
  if (base_url !== null && !mayCarryKey(base_url, api_key_hosts))
    throw invalid(
      `the key of ${variable} would go unencrypted to ${base_url}`,
      `Set base_url to an address with https://, or allow it with api_key_hosts: [${hostOf(base_url)}].`,
    )
  learnSecret(key)
  return key
}

function invalid(message: string, hint: string): LlemError {
  return new LlemError(message, { code: 'OPTIONS_INVALID', hint, kind: 'usage' })
}
