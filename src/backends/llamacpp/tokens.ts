import { LlemError } from '../../core/errors.js'
import { plainText } from '../prompt-text.js'
import type { Generation, Prompt } from '../protocol.js'
import type { LlamaModel, Token } from './binding.js'

/** A prompt as it will be evaluated. */
export interface PreparedPrompt {
  tokens: Token[]
  maxTokens: number
  ignoreEos: boolean
  truncated: boolean
}

/**
 * Tokenises a prompt with the model's own tokenizer, as raw completion: no chat template, a BOS where the model
 * wants one. Special tokens written in the text stay text. A prompt that does not fit keeps its beginning.
 */
export function preparePrompt(
  prompt: Prompt,
  generation: Generation,
  model: LlamaModel,
  contextSize: number,
): PreparedPrompt {
  const maxTokens = prompt.output_tokens ?? generation.max_tokens
  // The library keeps one cell of the context free, and the last token is sampled but never evaluated.
  const room = contextSize - maxTokens
  if (room < 1) {
    throw new LlemError(
      `${maxTokens} tokens to generate leave no room for a prompt in a context of ${contextSize}`,
      { code: 'OPTIONS_INVALID', hint: 'Lower max_tokens or raise context_size.' },
    )
  }
  const { bos, shouldPrependBosToken } = model.tokens
  const lead = shouldPrependBosToken && bos !== null ? [bos] : []
  const body = model.tokenize(plainText(prompt))
  const whole = [
    ...lead,
    ...(prompt.input_tokens === undefined ? body : exactly(body, prompt.input_tokens - lead.length)),
  ]
  if (whole.length === 0) {
    throw new LlemError('a prompt has no tokens', {
      code: 'PROMPT_EMPTY',
      hint: 'Give every prompt some text.',
    })
  }
  const most = Math.min(room, prompt.max_input_tokens ?? room)
  return {
    tokens: whole.slice(0, most),
    maxTokens,
    ignoreEos: generation.ignore_eos || prompt.output_tokens !== undefined,
    truncated: whole.length > most,
  }
}

/** The tokens cut, or repeated, to this many. */
function exactly(tokens: readonly Token[], count: number): Token[] {
  if (tokens.length === 0) return []
  const repeated = Array.from({ length: Math.ceil(Math.max(0, count) / tokens.length) }, () => tokens).flat()
  return repeated.slice(0, Math.max(0, count))
}
