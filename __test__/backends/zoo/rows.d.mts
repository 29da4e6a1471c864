import type { Part } from './parts.mjs'

interface Right {
  output: number
  input: number | null
  source: 'usage' | 'chunks' | 'tokenizer'
  verdict: 'stream' | 'bursts' | 'buffered'
  explained: string[]
  isDoubted: boolean
  finish: 'stop' | 'length'
  error: [code: string, words: string] | null
}

export interface Row {
  name: string
  script: Part[]
  status?: number
  /** The limit that was asked for. */
  maxTokens?: number
  headers?: Record<string, string>
  /** How long after the last token the answer could still go on. */
  heldMs?: number
  right?: Partial<Right>
}

export const RIGHT: Right
export const ROWS: Row[]
