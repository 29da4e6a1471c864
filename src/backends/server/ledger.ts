// How many tokens an answer and its prompt have, by all that was told of them: the server's `usage`, the chunks of the stream,
// what it lists, a tokenizer. Pure; the table of what makes witnesses differ is ledger-rules.ts.

import {
  agree,
  type Counted,
  type Explanation,
  isAtLimit,
  OUTPUT_RULES,
  REFUSALS,
  silentOf,
} from './ledger-rules.js'
import { type PromptTokens, promptBeside, promptOf } from './prompt-tokens.js'
import { fewestTokens } from './text-measure.js'
import type { Reckoning, Witnesses } from './witnesses.js'

/** Where a token takes so many chunks, they are no tokens' chunks. */
const MOST_CHUNKS_PER_TOKEN = 8
/** Settles what the witnesses say of one answer. */
export function reckon(witnesses: Witnesses): Reckoning {
  const { usage, listed } = witnesses
  const counted = countedOf(witnesses)
  for (const { why, source, output: by } of OUTPUT_RULES) {
    const output = by(counted)
    if (output === null) continue
    const isRefused = why !== null && REFUSALS.includes(why)
    const told = isRefused ? promptBeside(witnesses) : promptOf(witnesses, output)
    const { prompt, impossible } = possible(told, witnesses)
    const { explained, doubt, between } = isRefused
      ? AGREED
      : source === 'chunks'
        ? asChunks(output, counted)
        : comparedWithText(output, counted)
    const cached =
      impossible !== null || (prompt.input !== null && Number(usage?.cached) > prompt.input)
        ? null
        : (usage?.cached ?? null)
    const doubts = [
      isRefused ? refusal(counted) : doubt,
      isRefused ? null : doubtOfTotal(counted, output, prompt),
      usage?.cached != null && cached === null && impossible === null
        ? `${usage.cached} tokens from the cache of a prompt of ${prompt.input}`
        : null,
    ].filter((each) => each !== null)
    return {
      output,
      input: prompt.input,
      cached,
      source: source === 'tokenizer' && listed !== null ? listed.by : source,
      explained: [why, prompt.why, explained].filter((each) => each !== null),
      unexplained: doubts.length === 0 ? null : doubts.join('; '),
      between: between ?? null,
      impossible,
      isBorneOut: counted.tokenizer !== null || isAtLimit(counted, output),
    }
  }
  throw new Error('no rule counts an answer')
}

function countedOf(witnesses: Witnesses): Counted {
  const { usage, chunks, listed, tokenizer } = witnesses
  const byTotal = usage?.total == null || usage.prompt === null ? null : usage.total - usage.prompt
  return {
    ...witnesses,
    // What is listed was made, while a tokenizer may cut the same text into others.
    tokenizer: listed?.count ?? tokenizer,
    // Less than nothing is no count, and nothing is none of an answer with text.
    byTotal: byTotal === null || byTotal < 0 || (byTotal === 0 && chunks > 0) ? null : byTotal,
    completion: usage?.completion ?? null,
    reasoning: usage?.reasoning ?? 0,
  }
}

/** No prompt has more tokens than bytes, but for the template around it, nor fewer than words, but for what a cache had. */
function possible(told: PromptTokens, { prompt, mostPrompt, fewestPrompt }: Witnesses) {
  const { input } = told
  const limit =
    input === null
      ? null
      : mostPrompt !== null && input > mostPrompt
        ? `${mostPrompt} are the most`
        : fewestPrompt !== null && input < fewestPrompt
          ? `${fewestPrompt} are the fewest`
          : null
  if (limit === null) return { prompt: told, impossible: null }
  return {
    prompt: promptBeside({ prompt }),
    impossible: `${input} tokens by the usage, where ${limit} that it can have`,
  }
}

interface Compared {
  explained: Explanation | null
  doubt: string | null
  between?: readonly [number, number]
}

const AGREED: Compared = { explained: null, doubt: null }

/** Tokens of thoughts that were counted and did not come. */
export function hiddenThoughts({
  usage,
  reasoningChunks,
}: Pick<Witnesses, 'usage' | 'reasoningChunks'>): number {
  return reasoningChunks === 0 ? (usage?.reasoning ?? 0) : 0
}

/** One token a chunk, unless the text has more words than that. */
function asChunks(output: number, { size }: Counted): Compared {
  const least = fewestTokens(size.words)
  if (output >= least) return AGREED
  const doubt = `${output} tokens, one for each chunk, in a text of ${size.words} words`
  return { explained: null, doubt, between: [output, Math.max(least, size.bytes)] }
}

/** Whether the text that came may be that of so many tokens. */
function comparedWithText(all: number, counted: Counted): Compared {
  const hidden = hiddenThoughts(counted)
  if (hidden === 0 || hidden >= all) return visiblyCompared(all, counted)
  const { doubt, between } = visiblyCompared(all - hidden, counted)
  const both = between && ([between[0] + hidden, between[1] + hidden] as const)
  return { explained: 'reasoning_hidden', doubt, ...(both && { between: both }) }
}

function visiblyCompared(output: number, counted: Counted): Compared {
  const { chunks, tokenizer, listed } = counted
  // What is listed is more than a number: it speaks also against a usage that is the number of chunks.
  const isListedOtherwise = listed !== null && !agree(output, listed.count)
  if (!isListedOtherwise && output >= chunks && output <= chunks + silentOf(counted))
    return tokenizer === null ? asChunks(output, counted) : AGREED
  const what = doubtOfText(output, counted)
  if (what !== null) {
    const other = tokenizer ?? chunks
    const between = [Math.min(output, other), Math.max(output, other)] as const
    return { explained: null, doubt: `${output} tokens by the usage${what}`, between }
  }
  return { explained: output > chunks ? 'tokens_per_chunk' : 'chunks_per_token', doubt: null }
}

/** What speaks against so many tokens; null where nothing does. */
function doubtOfText(output: number, counted: Counted): string | null {
  const { chunks, size, tokenizer, listed } = counted
  if (tokenizer !== null) return agree(output, tokenizer) ? null : `, ${tokenizer} ${byWhom(listed)}`
  if (output > chunks) {
    const { bytes } = size
    // A token has a byte of text at least, but for an end-of-text token that was to be ignored.
    const isPossible = chunks === 0 || isAtLimit(counted, output) || output <= bytes || agree(output, bytes)
    return isPossible ? null : ` in a text of ${bytes} bytes`
  }
  if (output * MOST_CHUNKS_PER_TOKEN < chunks) return ` in ${chunks} chunks`
  return output < fewestTokens(size.words) ? ` in a text of ${size.words} words` : null
}

const byWhom = (listed: Witnesses['listed']): string =>
  listed === null ? 'by the tokenizer' : `listed (${listed.by})`

function refusal({ completion, chunks, tokenizer, listed, limit }: Counted): string {
  const others = `${chunks} chunks${tokenizer === null ? '' : ` and ${tokenizer} tokens ${byWhom(listed)}`}`
  const most = limit !== null && Number(completion) > limit + 1 ? `, of ${limit} at most` : ''
  return `${completion} tokens by the usage${most}, where ${others} came`
}

/** A total that is neither the sum nor explained. */
function doubtOfTotal({ usage }: Counted, output: number, { input, why }: PromptTokens): string | null {
  const { prompt, completion, total } = usage ?? {}
  if (total == null || prompt == null || completion == null || input === null) return null
  const isSum = total === prompt + completion || total === input + output
  return isSum || why !== null || total === 0
    ? null
    : `the usage adds ${prompt} and ${completion} tokens up to ${total}`
}
