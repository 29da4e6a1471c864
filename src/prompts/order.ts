import type { Prompt } from './prompt.js'
import { randomFrom } from './random.js'

export type PromptOrder = 'interleaved' | 'grouped' | 'shuffled'

/**
 * The same prompts in another order. Interleaved is that of their source; the built-in ones take turns by task and mix
 * lengths. Grouped is from short to long, by the tokens that they are brought to where all say so, else by characters;
 * equal ones stay as they were. Shuffled is drawn from the seed (Fisher-Yates).
 */
export function ordered(prompts: readonly Prompt[], order: PromptOrder, seed: number): Prompt[] {
  if (order === 'grouped') return grouped(prompts)
  return order === 'shuffled' ? shuffled(prompts, seed) : [...prompts]
}

function grouped(prompts: readonly Prompt[]): Prompt[] {
  const exact = prompts.every(({ input_tokens }) => input_tokens !== undefined)
  const length = ({ text, input_tokens }: Prompt) => (exact ? Number(input_tokens) : text.length)
  return [...prompts].sort((a, b) => length(a) - length(b))
}

function shuffled(prompts: readonly Prompt[], seed: number): Prompt[] {
  const random = randomFrom(seed, 0)
  const drawn = [...prompts]
  for (let last = drawn.length - 1; last > 0; last -= 1) {
    const chosen = Math.floor(random() * (last + 1))
    const [a, b] = [drawn[chosen], drawn[last]]
    if (a !== undefined && b !== undefined) [drawn[chosen], drawn[last]] = [b, a]
  }
  return drawn
}
