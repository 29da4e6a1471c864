// How many tokens a prompt has, by the usage of its answer and a tokenizer.

import type { Explanation } from './ledger-rules.js'
import type { Witnesses } from './witnesses.js'

export interface PromptTokens {
  input: number | null
  why: Explanation | null
}

export function promptOf({ usage, prompt: own }: Witnesses, output: number): PromptTokens {
  const { prompt, total, cached, isCachedBeside } = usage ?? { prompt: null, total: null, cached: null }
  if (prompt !== null && prompt > 0) {
    // A total that is the sum without them says that they are within, whatever their number.
    const isInTotal = !total || isCachedBeside || total !== prompt + output
    const isOutside = cached !== null && cached > prompt && isInTotal
    return isOutside ? { input: prompt + cached, why: 'prompt_cached' } : { input: prompt, why: null }
  }
  if (total !== null && total > output) return { input: total - output, why: 'prompt_by_total' }
  if (cached !== null && cached > 0) return { input: cached, why: 'prompt_cached' }
  // Every prompt has a token: 0 is no count.
  return own === null ? { input: null, why: null } : { input: own, why: 'prompt_tokenized' }
}

/** Of a usage that is not believed nothing is. */
export function promptBeside({ prompt }: Pick<Witnesses, 'prompt'>): PromptTokens {
  return { input: prompt, why: prompt === null ? null : 'prompt_tokenized' }
}
