import { LlemError } from '../core/errors.js'
import { contentHashOfList } from '../core/identity.js'
import { type Observer, silentObserver } from '../progress/observer.js'
import type { DatasetOrigin, PromptsTaken } from '../results/experiment.js'
import { builtinPrompts } from './builtin.js'
import { readDataset, sourceOf } from './hub/dataset.js'
import { type DatasetName, datasetName } from './hub/dataset-name.js'
import { ignoredNotes } from './ignored.js'
import { ordered, type PromptOrder } from './order.js'
import { readParquetFile } from './parquet-file.js'
import type { Prompt } from './prompt.js'
import { readPromptFile } from './prompt-file.js'
import { type SyntheticPrompts, syntheticPrompts } from './synthetic.js'
import { type TakenPrompt, tallied } from './taken.js'

/** "builtin", the path of a file, hf:owner/name, or prompts made of random words. */
export type PromptSource = string | { synthetic: SyntheticPrompts }

/** The `dataset` group of the configuration. */
export interface DatasetConfig {
  column: string | null
  order: PromptOrder
  seed: number
  max_input_tokens: number | null
}

export interface PromptWishes {
  /** Prompts to measure. */
  count: number
  /** Prompts to warm up with. */
  warmup: number
  dataset?: DatasetConfig
  observer?: Observer
  signal?: AbortSignal | undefined
}

export interface PromptSet {
  /** As many as were asked for. */
  prompts: Prompt[]
  /** For warming up; none of them is measured, because a prompt seen before may be cached. */
  warmup: Prompt[]
  /** "builtin", the path, "hf:owner/name:config:split:column" or "synthetic". */
  source: string
  /** SHA-256 of the measured prompts, texts and lengths, in order. */
  hash: string
  order: PromptOrder
  /** Of the shuffled order, or of synthetic prompts; null where nothing was drawn. */
  seed: number | null
  /** The column or field of the text; null where the source has none. */
  column: string | null
  /** What of the source's entries was taken for what. */
  taken: PromptsTaken
  dataset: DatasetOrigin | null
  /** What the person should know, e.g. that prompts were used more than once. */
  notes: string[]
}

/** What a source has, in its own order. */
interface Pool {
  prompts: Prompt[]
  /** Of each what it was taken from; empty where a source has no fields. */
  taken: TakenPrompt[]
  source: string
  column: string | null
  dataset: DatasetOrigin | null
  notes: string[]
}

const DEFAULTS: DatasetConfig = { column: null, order: 'interleaved', seed: 42, max_input_tokens: null }

/**
 * Loads `count` prompts to measure and `warmup` others. The first `count` of the source are measured, in the order that
 * is asked for; what follows warms up. Throws PROMPTS_INVALID and DATASET_*.
 */
export async function loadPrompts(
  source: PromptSource,
  { count, warmup, dataset = DEFAULTS, observer = silentObserver, signal }: PromptWishes,
): Promise<PromptSet> {
  const { order, seed, max_input_tokens } = dataset
  const context = { observer, signal }
  const pool = await poolOf(source, { needed: count + warmup, count, column: dataset.column, context })
  const notes = [...pool.notes]
  if (pool.prompts.length < count)
    notes.push(`${pool.source} has ${pool.prompts.length} prompts for ${count} requests; they are repeated`)
  const chosen = cycled(pool.prompts, count)
  const prompts = ordered(chosen, order, seed).map((prompt) => limited(prompt, max_input_tokens))
  const others = warmupPrompts(pool, count, warmup, notes).map((prompt) => limited(prompt, max_input_tokens))
  const drawn = typeof source === 'string' ? null : source.synthetic.seed
  return {
    prompts,
    warmup: others,
    source: pool.source,
    hash: contentHashOfList(prompts),
    order,
    seed: order === 'shuffled' ? seed : drawn,
    column: pool.column,
    taken: tallied(pool.taken.slice(0, count)),
    dataset: pool.dataset,
    notes: [...notes, ...traceNotes(pool, count), ...notSent(pool, count)],
  }
}

/** What of a trace is not in the prompts. */
function traceNotes({ source, taken }: Pool, count: number): string[] {
  const isTrace = taken.slice(0, count).some(({ taken: { input_tokens } }) => input_tokens === 'input_length')
  return isTrace
    ? [
        `${source} is a trace: its texts are made, with its lengths and shared beginnings; its times are not replayed, \`load\` says when requests are sent`,
      ]
    : []
}

function notSent({ source, taken }: Pool, count: number): string[] {
  return ignoredNotes(
    source,
    taken.slice(0, count).map(({ ignored }) => ignored),
  )
}

interface Reading {
  needed: number
  count: number
  column: string | null
  context: { observer: Observer; signal: AbortSignal | undefined }
}

async function poolOf(source: PromptSource, reading: Reading): Promise<Pool> {
  const plain = { column: null, dataset: null, taken: [], notes: [] }
  if (typeof source !== 'string')
    return {
      ...plain,
      prompts: syntheticPrompts(source.synthetic, 0, reading.needed),
      source: 'synthetic',
    }
  if (source === 'builtin') return { ...plain, prompts: builtinPrompts.map((text) => ({ text })), source }
  const hub = datasetName(source)
  if (hub !== null) return hubPool(hub, reading)
  if (/\.parquet$/i.test(source)) return parquetPool(source, reading)
  const { prompts, column, empty, notes } = await readPromptFile(source, {
    field: reading.column,
    needed: reading.needed,
  })
  return { ...plain, ...split(prompts), source, column, notes: [...notes, ...notesOn(source, empty)] }
}

function split(taken: TakenPrompt[]): Pick<Pool, 'prompts' | 'taken'> {
  return { prompts: taken.map(({ prompt }) => prompt as Prompt), taken }
}

async function hubPool(hub: DatasetName, { needed, count, column, context }: Reading): Promise<Pool> {
  const fetched = await readDataset({ ...hub, column: hub.column ?? column }, needed, context)
  const { name, config, split: part, revision, prompts, empty, partial, complete } = fetched
  const source = `${sourceOf(fetched, fetched)}:${fetched.column}`
  if (prompts.length < count) throw tooFew(source, prompts.length, empty, count)
  const notes = notesOn(source, empty)
  if (partial && complete) notes.push(`the datasets server has only the beginning of ${source}`)
  return {
    ...split(prompts),
    source,
    column: fetched.column,
    dataset: { name, config, split: part, revision },
    notes,
  }
}

async function parquetPool(path: string, { needed, count, column, context }: Reading): Promise<Pool> {
  const read = await readParquetFile(path, { column, needed, signal: context.signal })
  if (read.prompts.length < count) throw tooFew(path, read.prompts.length, read.empty, count)
  return {
    ...split(read.prompts),
    source: path,
    column: read.column,
    dataset: null,
    notes: notesOn(path, read.empty),
  }
}

/** A table is not repeated as a short list of one's own is: a data set of another size is another data set. */
function tooFew(source: string, has: number, empty: number, count: number): LlemError {
  const without = empty === 0 ? '' : ` (and ${empty} without)`
  return new LlemError(`${source} has ${has} rows with a prompt${without} for ${count} requests`, {
    code: 'DATASET_TOO_SMALL',
    hint: has === 0 ? 'Choose another column with dataset.column.' : `Set n_prompts to ${has} or less.`,
    kind: 'usage',
  })
}

function notesOn(source: string, empty: number): string[] {
  return empty === 0 ? [] : [`${empty} rows of ${source} have no prompt and are left out`]
}

/**
 * Prompts that are not measured: what follows in the source, and where that is not enough, measured ones behind another
 * beginning, so that they are of the same kind and no prefix of them is cached. Each is used once.
 */
function warmupPrompts({ prompts, source }: Pool, count: number, warmup: number, notes: string[]): Prompt[] {
  const measured = new Set(prompts.slice(0, count).map(({ text }) => text))
  const left = unique(prompts.slice(count)).filter(({ text }) => !measured.has(text))
  const missing = warmup - left.length
  if (missing > 0)
    notes.push(
      `${source} has ${left.length === 0 ? 'no' : `only ${left.length}`} prompts beside the measured ones for a warmup of up to ${warmup}; measured ones with another beginning make up for it`,
    )
  const changed = Array.from({ length: Math.max(0, missing) }, (_, index) => {
    const { text, ...lengths } = prompts[index % prompts.length] ?? { text: '' }
    return { ...lengths, text: `Warmup ${index + 1}: ${text}` }
  })
  return [...left.slice(0, warmup), ...changed.filter(({ text }) => !measured.has(text))]
}

function unique(prompts: readonly Prompt[]): Prompt[] {
  return [...new Map(prompts.map((prompt) => [prompt.text, prompt])).values()]
}

/** No more input tokens than the limit; an exact length above it becomes the limit. */
function limited(prompt: Prompt, most: number | null): Prompt {
  if (most === null) return prompt
  const { input_tokens, ...rest } = prompt
  return input_tokens === undefined
    ? { ...rest, max_input_tokens: most }
    : { ...rest, input_tokens: Math.min(input_tokens, most) }
}

function cycled(pool: readonly Prompt[], count: number): Prompt[] {
  return Array.from({ length: count }, (_, index) => pool[index % pool.length]).filter(
    (prompt) => prompt !== undefined,
  )
}
