import { z } from 'zod'
import { LlemError } from '../../core/errors.js'
import type { Meanings } from '../../core/meanings.js'
import { plainText } from '../prompt-text.js'
import type { Generation, Prompt } from '../protocol.js'
import type { Connection } from './connection.js'
import type { Dialect } from './dialect.js'
import { canIgnoreEos, type ServedPrompt } from './request-body.js'

interface Context {
  connection: Connection
  dialect: Dialect
  model: string
  endpoint: 'completions' | 'chat'
}

/** Prompts as they will be sent, and what about their lengths is not as asked. */
export interface PreparedPrompts {
  prompts: ServedPrompt[]
  notes: string[]
}

/** Requests to the tokenizer at once. */
const ASK_AT_ONCE = 8

/**
 * Makes prompts of one exact length, or of at most one, with the server's own tokenizer, before anything is
 * measured: the ids are then sent instead of the text. Where a server has no /tokenize, or a chat template comes
 * around the text, the text goes as it is and a note says so.
 */
export async function preparePrompts(
  prompts: readonly Prompt[],
  generation: Generation,
  context: Context,
): Promise<PreparedPrompts> {
  const prepared: ServedPrompt[] = new Array(prompts.length)
  let inexact = 0
  let next = 0
  const lane = async () => {
    for (let index = next++; index < prompts.length; index = next++) {
      const prompt = prompts[index]
      if (prompt === undefined) break
      const sized = await sizePrompt(prompt, context)
      if (sized === null) inexact += 1
      prepared[index] = {
        maxTokens: prompt.output_tokens ?? generation.max_tokens,
        ignoreEos: generation.ignore_eos || prompt.output_tokens !== undefined,
        ...(sized ?? asItIs(prompt, context)),
      }
    }
  }
  await Promise.all(Array.from({ length: ASK_AT_ONCE }, lane))
  return { prompts: prepared, notes: notesOf(prepared, inexact, generation, context) }
}

function notesOf(
  prompts: readonly ServedPrompt[],
  inexact: number,
  { top_k }: Generation,
  { dialect, endpoint }: Context,
): string[] {
  const notes: string[] = []
  if (inexact > 0) {
    const why =
      endpoint === 'chat'
        ? 'a chat template comes around the text'
        : 'this server has no /tokenize whose ids it takes as a prompt'
    notes.push(
      `prompt_length_not_forced: ${inexact} prompts were to be cut or filled up to a number of tokens and were sent as they are, because ${why}. How long they were is in input_tokens.`,
    )
  }
  if (!canIgnoreEos(dialect) && prompts.some(({ ignoreEos }) => ignoreEos))
    notes.push(
      'output_length_not_forced: this kind of server is not known to take ignore_eos, so an answer may be shorter than asked for. Put what it takes into extra_body.',
    )
  if (dialect === 'openai' && top_k !== 0)
    notes.push("top_k_not_sent: OpenAI's API has no top_k; put it into extra_body if the server takes it.")
  return notes
}

function asItIs(prompt: Prompt, { endpoint }: Context) {
  const sent =
    endpoint === 'chat' ? { prompt: prompt.text, system: prompt.system } : { prompt: plainText(prompt) }
  return { ...sent, inputTokens: null, truncated: false }
}

/** Null where a length was asked for that cannot be made. */
async function sizePrompt(
  prompt: Prompt,
  context: Context,
): Promise<Pick<ServedPrompt, 'prompt' | 'system' | 'inputTokens' | 'truncated'> | null> {
  const { input_tokens: exact, max_input_tokens: most } = prompt
  if (exact === undefined && most === undefined) return asItIs(prompt, context)
  if (context.endpoint === 'chat') return null
  const tokens = canTokenize(context.dialect) ? await tokenize(plainText(prompt), context) : null
  if (tokens === null) return null
  if (tokens.length === 0) {
    throw new LlemError('a prompt has no tokens', {
      code: 'PROMPT_EMPTY',
      hint: 'Give every prompt some text.',
    })
  }
  if (exact !== undefined) return { ...ids(exactly(tokens, exact)), truncated: false }
  if (most === undefined || tokens.length <= most)
    return { ...asItIs(prompt, context), inputTokens: tokens.length }
  return { ...ids(tokens.slice(0, most)), truncated: true }
}

function ids(tokens: number[]) {
  return { prompt: tokens, inputTokens: tokens.length }
}

/** The tokens cut, or all but the leading BOS repeated, to this many. */
function exactly(tokens: readonly number[], count: number): number[] {
  const body = tokens.length > 1 ? tokens.slice(1) : tokens
  const whole = [...tokens]
  while (whole.length < count) whole.push(...body)
  return whole.slice(0, count)
}

/** Whether this kind of server has a tokenizer whose ids it takes as a prompt. */
export function canTokenize(dialect: Dialect): boolean {
  return dialect === 'vllm' || dialect === 'llamacpp'
}

/** How many tokens the text of an answer has; null where the server does not tell. */
export async function tokensOfAnswer(
  text: string,
  context: Omit<Context, 'endpoint'>,
): Promise<number | null> {
  return (await tokenize(text, context, false))?.length ?? null
}

const tokensSchema = z.object({ tokens: z.array(z.number().int().nonnegative()) })

/**
 * The ids of a text with what the model wants at its beginning; null where the server tells none. vLLM and SGLang read
 * `prompt` and `add_special_tokens`, llama-server `content` and `add_special`, and neither minds the other's.
 */
async function tokenize(
  text: string,
  { connection, dialect, model }: Omit<Context, 'endpoint'>,
  isBeginning = true,
): Promise<number[] | null> {
  const asVllm = { model, prompt: text, add_special_tokens: isBeginning }
  const asLlamacpp = { content: text, add_special: isBeginning, parse_special: false }
  const body = { ...(dialect !== 'llamacpp' && asVllm), ...(dialect !== 'vllm' && asLlamacpp) }
  const parsed = tokensSchema.safeParse(await connection.tryJson('/tokenize', body))
  return parsed.success ? parsed.data.tokens : null
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  prompt_length_not_forced: {
    meaning:
      'Prompts were to have a number of tokens. That takes the tokenizer of the server and an endpoint without a template, so they were sent as they are.',
    evidence: 'The server has no `/tokenize`, or the endpoint is chat.',
    advice: 'Use vLLM or llama-server at completions, or quote `input_tokens` of the result.',
  },
  output_length_not_forced: {
    meaning: 'The server decides itself when an answer ends.',
    evidence: 'It does not know `ignore_eos`.',
    advice: 'Quote the tokens of the result, not those of the configuration.',
  },
}
