import type { Explanation } from './ledger-rules.js'
import type { ListedTokens } from './stream-event.js'
import type { TextSize } from './text-measure.js'
import type { Usage } from './usage.js'

/** What was told of one answer. */
export interface Witnesses {
  usage: Usage | null
  /** Chunks with text, and those of them that brought a thought. */
  chunks: number
  reasoningChunks: number
  /** Of the text. */
  size: TextSize
  /** Tokens that the server listed one by one; null where it did not. */
  listed: ListedTokens | null
  /** The answer's text by a tokenizer; null where none was asked. */
  tokenizer: number | null
  /** The prompt's length by the server's tokenizer; null where that was not asked. */
  prompt: number | null
  /** The most tokens that a prompt of its bytes, or of its ids, may have with a template around it; null where that is unknown. */
  mostPrompt: number | null
  /** The fewest that a prompt of its words, or of its ids, may have; null where that is unknown. */
  fewestPrompt: number | null
  /** The most tokens that the request let the answer have; null where it set no limit that is known. */
  limit: number | null
  /** The model ended it, by a token that brings no text and that most servers count. */
  endedByItself: boolean
}

export type TokenSource = 'usage' | 'chunks' | 'tokenizer' | ListedTokens['by']

/** What an answer has. */
export interface Reckoning {
  output: number
  /** Null where nobody tells. */
  input: number | null
  source: TokenSource
  /** Why witnesses differ, by the names of {@link EXPLANATIONS}; empty where they agree. */
  explained: Explanation[]
  /** Of the prompt, from the server's cache; null where nobody tells, or what is told cannot be. */
  cached: number | null
  /** How they differ for no reason that is known; null where they do not. */
  unexplained: string | null
  /** Between which counts of the output nothing decides, the smaller one first; null where it is settled. */
  between: readonly [number, number] | null
  /** A count of the prompt that no such prompt has; null where there is none. */
  impossible: string | null
  /** More than the server's word and the number of chunks speaks for this count. */
  isBorneOut: boolean
}
