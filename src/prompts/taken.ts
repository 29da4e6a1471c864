import { z } from 'zod'
import type { PromptsTaken } from '../results/experiment.js'
import { IGNORED } from './ignored.js'

const name = z.string().nullable()

/** A prompt, and the names of the fields that its parts were taken from. */
export const takenPromptSchema = z.object({
  prompt: z.object({
    system: z.string().optional(),
    text: z.string(),
    input_tokens: z.int().min(1).optional(),
    output_tokens: z.int().min(1).optional(),
  }),
  /** Names of fields; null where there was none. */
  taken: z.object({ text: z.string(), system: name, input_tokens: name, output_tokens: name }),
  /** What of the entry is not sent; absent where that is nothing. */
  ignored: z.array(z.enum(IGNORED)).optional(),
})
export type TakenPrompt = z.infer<typeof takenPromptSchema>

const PARTS = ['text', 'system', 'input_tokens', 'output_tokens'] as const

/** What was taken for what, and how often, in the order in which it came up. */
export function tallied(prompts: readonly TakenPrompt[]): PromptsTaken {
  const tally = new Map<string, PromptsTaken[number]>()
  for (const { taken } of prompts)
    for (const part of PARTS) {
      const from = taken[part]
      if (from === null) continue
      const key = `${part}:${from}`
      const known = tally.get(key) ?? { from, as: part, count: 0 }
      known.count += 1
      tally.set(key, known)
    }
  return [...tally.values()]
}
