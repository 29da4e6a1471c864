import { contentHash } from '../../core/identity.js'
import type { DatasetOrigin } from '../../results/experiment.js'
import { builtinPrompts } from './builtin.js'
import type { Prompt } from './prompt.js'
import { readPromptFile } from './prompt-file.js'
import { type SyntheticPrompts, syntheticPrompts } from './synthetic.js'

/** "builtin", the path of a .txt or .jsonl file, or prompts made of random words. */
export type PromptSource = string | { synthetic: SyntheticPrompts }

export interface PromptSet {
  /** As many as were asked for. */
  prompts: Prompt[]
  /** For warming up; none of them is measured, because a prompt seen before may be cached. */
  warmup: Prompt[]
  /** "builtin", the path, or "synthetic". */
  source: string
  /** SHA-256 of the measured prompts, texts and lengths, in order. */
  hash: string
  order: 'interleaved' | 'grouped' | 'shuffled'
  /** Of the shuffled order, or of synthetic prompts; null where nothing was drawn. */
  seed: number | null
  /** The column or field of the text; null where the source has none. */
  column: string | null
  dataset: DatasetOrigin | null
  /** What the person should know, e.g. that prompts were used more than once. */
  notes: string[]
}

/** Loads `count` prompts to measure and `warmup` others. Throws PROMPTS_INVALID. */
export async function loadPrompts(
  source: PromptSource,
  { count, warmup }: { count: number; warmup: number },
): Promise<PromptSet> {
  if (typeof source !== 'string') {
    const prompts = syntheticPrompts(source.synthetic, 0, count)
    const others = syntheticPrompts(source.synthetic, count, warmup)
    return {
      prompts,
      warmup: others,
      source: 'synthetic',
      hash: contentHash(prompts),
      order: 'interleaved',
      seed: source.synthetic.seed,
      column: null,
      dataset: null,
      notes: [],
    }
  }
  const pool = source === 'builtin' ? builtin() : await readPromptFile(source)
  const notes: string[] = []
  const prompts = cycled(pool, count)
  if (pool.length < count)
    notes.push(`${source} has ${pool.length} prompts for ${count} requests; they are repeated`)
  return {
    prompts,
    warmup: cycled(othersThan(prompts, pool, notes), warmup),
    source,
    hash: contentHash(prompts),
    order: 'interleaved',
    seed: null,
    column: null,
    dataset: null,
    notes,
  }
}

/** Prompts that are not measured: what is left of the source, else built-in ones, else random words. */
function othersThan(measured: readonly Prompt[], pool: readonly Prompt[], notes: string[]): Prompt[] {
  const texts = new Set(measured.map(({ text }) => text))
  const unused = (prompts: readonly Prompt[]) => prompts.filter(({ text }) => !texts.has(text))
  const left = unused(pool)
  if (left.length > 0) return left
  const spare = unused(builtin())
  notes.push(
    `all prompts are measured, so the warmup uses ${spare.length > 0 ? 'built-in' : 'synthetic'} ones`,
  )
  return spare.length > 0
    ? spare
    : unused(syntheticPrompts({ input_len: 64, output_len: 64, seed: 0 }, 0, 50))
}

function builtin(): Prompt[] {
  return builtinPrompts.map((text) => ({ text }))
}

function cycled(pool: readonly Prompt[], count: number): Prompt[] {
  return Array.from({ length: count }, (_, index) => pool[index % pool.length]).filter(
    (prompt) => prompt !== undefined,
  )
}
