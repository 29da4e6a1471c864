// Which of the models that a server lists is the one that was asked for. Pure: what was asked and listed -> a name and
// by what it is known, or null where the list says that it is another.

import { isSameModel, type Likeness, likenessOf } from '../../core/model-names.js'
import { rootVerdict } from '../../core/model-roots.js'
import type { ResolvedBy } from '../identity.js'

/** A model as a server lists it. */
export interface ListedModel {
  id: string
  owner: string | null
  /** vLLM and SGLang: the path or id of its weights. */
  root: string | null
  /** vLLM: the model that this adapter belongs to. */
  parent: string | null
  /** llama-server. */
  aliases: readonly string[]
  contextSize: number | null
  trainContextSize: number | null
}

/** What a person asked for. */
export interface AskedModel {
  /** `model` of the configuration. */
  model: string
  /** `model` of the server's group: the name in requests; null where it is to be found. */
  name: string | null
  /** `served_as` of the server's group: what the server may call it. */
  servedAs: string | null
  /** llem has started the server with this model among its arguments. */
  isStartedWith: boolean
}

export interface ResolvedModel {
  /** The name that requests give. */
  name: string
  /** Null where the list does not have it. */
  entry: ListedModel | null
  by: ResolvedBy
}

/** The model in a list, null where the list has others only. A list without entries proves nothing. */
export function resolveModel(asked: AskedModel, listed: readonly ListedModel[]): ResolvedModel | null {
  const { model, name, servedAs, isStartedWith } = asked
  if (listed.length === 0) return { name: name ?? servedAs ?? model, entry: null, by: 'unlisted' }
  if (name !== null) {
    const found = find(name, listed)
    if (found !== null) return { ...found, name: nameFor(found, name), by: 'named' }
    // A deployment of a service may be in no list of it: said twice, it is meant.
    return servedAs === name ? { name, entry: null, by: 'served_as' } : null
  }
  const found = find(model, listed)
  if (found !== null) return { ...found, name: nameFor(found, model) }
  const meant = servedAs === null ? null : find(servedAs, listed)
  if (servedAs !== null && meant !== null)
    return { ...meant, name: nameFor(meant, servedAs), by: 'served_as' }
  const only = onlyBase(listed)
  return isStartedWith && only !== null ? { name: only.id, entry: only, by: 'started' } : null
}

/** The same by what else a server told of its only model, such as the path of its file. */
export function resolveByPath(
  { model, name }: AskedModel,
  listed: readonly ListedModel[],
  paths: readonly (string | null)[],
): ResolvedModel | null {
  const only = onlyBase(listed)
  if (name !== null || only === null) return null
  const isIt = paths.some((path) => path !== null && isSameModel(model, path))
  return isIt ? { name: only.id, entry: only, by: 'told_path' } : null
}

/**
 * What an entry stands for where that is another model than the one that was asked for; null where it is not, or where
 * nobody can tell. A server that llem started has the model that it was started with, and `served_as` says what is meant.
 */
export function otherRoot(
  { model, servedAs, isStartedWith }: AskedModel,
  resolved: ResolvedModel,
): string | null {
  const { entry, name } = resolved
  if (isStartedWith || entry === null || entry.root === null || entry.parent !== null) return null
  const { root } = entry
  const isMeant = servedAs !== null && [name, entry.id, root].some((each) => isSameModel(servedAs, each))
  return !isMeant && rootVerdict(model, root) === 'other' ? root : null
}

/** Whether the name that requests give is certainly another model, of a server that runs already and where nobody said it is meant. */
export function isNamedForOther(
  { model, servedAs, isStartedWith }: AskedModel,
  { name, by }: ResolvedModel,
): boolean {
  if (isStartedWith || by !== 'named') return false
  return !(servedAs !== null && isSameModel(servedAs, name)) && rootVerdict(model, name) === 'other'
}

/** Whether an answer's `model` may be what was asked for. */
export function mayAnswer(
  { model, name, servedAs, isStartedWith }: AskedModel,
  { name: resolved, entry }: Pick<ResolvedModel, 'name' | 'entry'>,
  answered: string,
): boolean {
  // Started with it, it has nothing else to answer with, whatever it calls that.
  if (isStartedWith) return true
  // A pattern that a server lists covers what was asked for and everything else as well.
  const listed = [entry?.id, entry?.root, ...(entry?.aliases ?? [])].filter((each) => !each?.includes('*'))
  return [model, name, servedAs, resolved, ...listed].some(
    (each) => each != null && (isSameModel(each, answered) || isSameModel(answered, each)),
  )
}

type Found = { entry: ListedModel; by: ResolvedBy }

const HOW: Readonly<Record<Likeness, ResolvedBy>> = { same: 'listed', alike: 'alike', pattern: 'pattern' }

/** The entry that fits best: its id, else what it stands for, else a pattern. Two that fit alike are none. */
function find(wanted: string, listed: readonly ListedModel[]): Found | null {
  const exact = listed.find(({ id }) => id === wanted)
  if (exact !== undefined) return { entry: exact, by: 'listed' }
  const byId = (how: Likeness) =>
    listed.filter(({ id, aliases }) => [id, ...aliases].some((each) => likenessOf(wanted, each) === how))
  const byRoot = listed.filter(({ root }) => root !== null && likenessOf(wanted, root) !== null)
  for (const [entries, by] of [
    [byId('same'), HOW.same],
    [byRoot, 'root'],
    [byId('alike'), HOW.alike],
    [byId('pattern'), HOW.pattern],
  ] as const) {
    const [entry] = entries
    if (entry === undefined) continue
    return by === 'pattern' || areOne(entries) ? { entry, by } : null
  }
  return null
}

/** vLLM may list one model under several names. */
function areOne([first, ...others]: readonly ListedModel[]): boolean {
  return others.every(({ root }) => root !== null && root === first?.root)
}

/** A pattern is no name: the proxy behind it knows the one that was asked for. */
function nameFor({ entry, by }: Found, wanted: string): string {
  return by === 'pattern' ? wanted : entry.id
}

/** The only model that is no adapter of another. */
function onlyBase(listed: readonly ListedModel[]): ListedModel | null {
  const bases = listed.filter(({ parent }) => parent === null)
  return areOne(bases) ? (bases[0] ?? null) : null
}
