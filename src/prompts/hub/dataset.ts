// hf:owner/name -> its prompts: from the cache, else from the datasets server.

import { closest } from '../../core/closest.js'
import { LlemError, messageOf } from '../../core/errors.js'
import { listedNames } from '../../core/foreign-text.js'
import { lateProgress } from '../../progress/late-progress.js'
import type { Observer } from '../../progress/observer.js'
import { isMessage } from '../conversation.js'
import { companionsOf, promptOf } from '../shapes.js'
import type { TakenPrompt } from '../taken.js'
import { type TableColumn, textColumn } from '../text-column.js'
import { type Fetched, keep, recall } from './cache.js'
import type { DatasetName } from './dataset-name.js'
import { type Asked, fetchRows, fetchSplits, type Rows } from './server.js'

const ROWS_PER_PAGE = 100
/** How often it is begun anew where the data set changes while it is read. */
const MAX_BEGINNINGS = 3

interface Context {
  observer: Observer
  signal: AbortSignal | undefined
}

/**
 * At least `needed` prompts of a data set, or all that it has. What is in the cache is not asked for again, so that the
 * next run has the same prompts and needs no network. Throws DATASET_*, and INTERRUPTED.
 */
export async function readDataset(asked: DatasetName, needed: number, context: Context): Promise<Fetched> {
  const cached = await recall(asked)
  if (cached !== null && (cached.complete || cached.prompts.length >= needed)) {
    context.observer.detail(`${asked.name} of ${cached.fetched_at} from the cache`)
    return cached
  }
  const fetched = await fetchAll(asked, needed, context)
  await keep(asked, fetched).catch((error) =>
    context.observer.detail(`${asked.name} is not kept for later runs (non-fatal): ${messageOf(error)}`),
  )
  return fetched
}

async function fetchAll(asked: DatasetName, needed: number, { observer, signal }: Context): Promise<Fetched> {
  const progress = lateProgress(observer, {
    label: `Fetching ${asked.name}`,
    total: needed,
    unit: 'prompt',
  })
  try {
    const server: Asked = { name: asked.name, signal }
    const place = placeIn(await fetchSplits(server), asked)
    for (let beginning = 1; ; beginning += 1) {
      const fetched = await fetchPages(server, asked, place, needed, progress.update)
      if (fetched !== null) return fetched
      if (beginning === MAX_BEGINNINGS) throw unsteady(asked)
    }
  } finally {
    progress.stop()
  }
}

/** Null where the data set became another one between two pages. */
async function fetchPages(
  server: Asked,
  asked: DatasetName,
  place: { config: string; split: string },
  needed: number,
  update: (done: number) => void,
): Promise<Fetched | null> {
  const prompts: TakenPrompt[] = []
  let column: string | null = null
  let revision: string | null = null
  let empty = 0
  for (let offset = 0; ; offset += ROWS_PER_PAGE) {
    const page = await fetchRows(server, { ...place, offset, length: ROWS_PER_PAGE })
    const { features, rows, num_rows_total: total, partial } = page.content
    if (offset === 0) revision = page.revision
    else if (revision !== page.revision) return null
    column ??= textColumn(features.map(columnOf), asked.column, sourceOf(asked, place)).name
    for (const [index, { row }] of rows.entries()) {
      const prompt = promptOf(withCompanions(row, column), column, offset + index + 1)
      if (typeof prompt === 'string') empty += 1
      else prompts.push(prompt)
    }
    update(Math.min(needed, prompts.length))
    const complete = rows.length === 0 || offset + rows.length >= total
    if (complete || prompts.length >= needed) {
      const fetched_at = new Date().toISOString()
      return { name: asked.name, ...place, column, revision, fetched_at, prompts, empty, complete, partial }
    }
  }
}

/** Of a row what belongs to the prompt: a column that happens to be called like a length is none of it. */
function withCompanions(row: Record<string, unknown>, column: string): Record<string, unknown> {
  return Object.fromEntries([column, ...companionsOf(column)].map((name) => [name, row[name]]))
}

/** The configuration and the split that were named, or that go without saying. */
function placeIn(
  splits: readonly { config: string; split: string }[],
  { name, config: wantedConfig, split: wantedSplit }: DatasetName,
): { config: string; split: string } {
  const configs = [...new Set(splits.map(({ config }) => config))]
  const config = choose('config', configs, wantedConfig, 'default', name, name)
  const those = splits.filter((each) => each.config === config).map(({ split }) => split)
  const source = `${name}:${config}`
  return { config, split: choose('split', those, wantedSplit, 'train', source, source) }
}

function choose(
  what: 'config' | 'split',
  names: readonly string[],
  wanted: string | null,
  usual: string,
  source: string,
  lead: string,
): string {
  const code = `DATASET_${what.toUpperCase()}_UNKNOWN`
  const listed = names.length === 0 ? 'It has none.' : `It has ${listedNames(names)}.`
  if (wanted !== null) {
    if (names.includes(wanted)) return wanted
    const meant = closest(wanted, names)
    throw new LlemError(`the data set ${source} has no ${what} ${JSON.stringify(wanted)}`, {
      code,
      hint: `${meant === null ? '' : `Did you mean ${meant}? `}${listed}`,
      kind: 'usage',
    })
  }
  const [only, ...others] = names
  if (only !== undefined && others.length === 0) return only
  if (names.includes(usual)) return usual
  throw new LlemError(`the data set ${source} has several ${what}s or none, and none was named`, {
    code,
    hint: `Name it as in hf:${lead}:${only ?? what.toUpperCase()}. ${listed}`,
    kind: 'usage',
  })
}

function columnOf({ name, type }: Rows['features'][number]): TableColumn {
  const { dtype, _type } = (type ?? {}) as { dtype?: unknown; _type?: unknown }
  const isText = _type === 'Value' && (dtype === 'string' || dtype === 'large_string')
  const isOpening = isChat(type) || (name === 'turns' && isTextList(type))
  const kind = isText ? 'text' : isOpening ? 'chat' : 'other'
  return { name, kind, type: typeof dtype === 'string' ? dtype : String(_type ?? 'a nested type') }
}

/** Lists of messages are `[{role, content}]`, or `{_type: "List" | "Sequence", feature: {role, content}}`. */
function isChat(type: unknown): boolean {
  if (typeof type !== 'object' || type === null) return false
  const inner = Array.isArray(type) ? type[0] : (type as { feature?: unknown }).feature
  return typeof inner === 'object' && inner !== null && isMessage(Object.keys(inner))
}

/** A list of texts: `[Value]`, or `{_type: "List" | "Sequence", feature: Value}`. */
function isTextList(type: unknown): boolean {
  if (typeof type !== 'object' || type === null) return false
  const inner = Array.isArray(type) ? type[0] : (type as { feature?: unknown }).feature
  return (inner as { dtype?: unknown } | null | undefined)?.dtype === 'string'
}

/** How the rows are named in messages and in the result. */
export function sourceOf(
  { name }: { name: string },
  { config, split }: { config: string; split: string },
): string {
  return `hf:${name}:${config}:${split}`
}

function unsteady({ name }: DatasetName): LlemError {
  return new LlemError(`the data set ${name} changed again and again while it was read`, {
    code: 'DATASET_SERVER_FAILED',
    hint: 'Try again later.',
  })
}
