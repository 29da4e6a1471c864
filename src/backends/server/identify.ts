// Who answers: what a server lists and says of itself, held against what was asked for. A claim with a check, never a fact.

import { LlemError } from '../../core/errors.js'
import { listedNames, shortened } from '../../core/foreign-text.js'
import type { ObservedServer, ServerIdentity } from '../identity.js'
import type { Answer, Connection } from './connection.js'
import { type Dialect, dialectOf } from './dialect.js'
import { askEngine, backendOf, type EngineFacts } from './engines.js'
import { modelList } from './model-list.js'
import {
  type AskedModel,
  isNamedForOther,
  type ListedModel,
  mayAnswer,
  otherRoot,
  type ResolvedModel,
  resolveByPath,
  resolveModel,
} from './served-model.js'

/** What a server told of itself, and which of its models was asked for. */
export interface ServedModel {
  resolved: ResolvedModel
  identity: ServerIdentity
  dialect: Dialect
  versions: Record<string, string>
  /** Tokens that prompt and answer share; null where it does not say. */
  contextSize: number | null
  trainContextSize: number | null
}

/**
 * Asks /v1/models, and what else this kind of server answers. `wanted`: the engine that it is to be, by its own word. Throws SERVER_REFUSES,
 * SERVER_IS_OTHER, and MODEL_NOT_SERVED where its list
 * has other models than the one that was asked for. A list that it does not give proves nothing and refuses nothing.
 */
export async function askServedModel(
  connection: Connection,
  { title, asked, wanted = null }: { title: string; asked: AskedModel; wanted?: string | null },
): Promise<ServedModel> {
  const answer = await connection.ask('/v1/models')
  if (answer.status === 401 || answer.status === 403)
    throw refused(title, answer.status, connection.wordsOf(answer.text))
  const listed = (answer.status === 200 ? modelList(answer.json) : null) ?? []
  const found = resolveModel(asked, listed)
  const owner = found?.entry?.owner ?? listed[0]?.owner ?? null
  const facts = await askEngine(connection, { owner, model: found?.entry?.id ?? null })
  if (wanted !== null && facts.engine !== null && facts.engine !== wanted)
    throw isOther(title, connection.baseUrl, facts.engine)
  const resolved = found ?? resolveByPath(asked, listed, facts.paths)
  if (resolved === null || isContradicted(asked, resolved, facts))
    throw notServed(title, asked, listed, facts.paths)
  if (facts.isForEmbeddings) throw generatesNothing(title, resolved.name)
  if (isNamedForOther(asked, resolved)) throw namedForOther(title, asked, resolved)
  const root = otherRoot(asked, resolved)
  if (root !== null) throw standsForOther(title, asked, resolved, root)
  const observed = observedOf(resolved, facts, answer)
  const { engine, engine_version, context_size } = observed
  const name = engine ?? 'server'
  return {
    resolved,
    identity: { name: resolved.name, by: resolved.by, observed },
    dialect: dialectOf(engine),
    versions: engine_version === null ? {} : { [PROGRAMS[name] ?? name]: engine_version },
    contextSize: context_size,
    trainContextSize: resolved.entry?.trainContextSize ?? facts.trainContextSize,
  }
}

/** What a result calls an engine. */
const PROGRAMS: Readonly<Record<string, string>> = { llamacpp: 'llama-server' }

/** A server without a list may still tell what it runs. */
function isContradicted(
  asked: AskedModel,
  { by, name, entry }: ResolvedModel,
  { paths }: EngineFacts,
): boolean {
  const told = paths.filter((path) => path !== null)
  if (by !== 'unlisted' || told.length === 0) return false
  return !told.some((path) => mayAnswer(asked, { name, entry }, path))
}

function observedOf({ entry }: ResolvedModel, facts: EngineFacts, answer: Answer): ObservedServer {
  const { paths: _, trainContextSize: __, isForEmbeddings: ___, ...told } = facts
  const observed = {
    ...told,
    model: entry === null ? null : shortened(entry.id),
    owner: shortOrNull(entry?.owner),
    root: shortOrNull(entry?.root ?? facts.paths[0]),
    parent: shortOrNull(entry?.parent),
    // By the header at least, which names what stands before the engine, if anything.
    engine_version: told.engine_version ?? headerVersion(facts, answer),
    context_size: told.context_size ?? entry?.contextSize ?? null,
  }
  const reasons = {
    model: 'the server lists no models',
    owner: 'its list names no owner',
    root: 'it does not tell what the name stands for',
    parent: 'it names none, as of a model that is no adapter',
    engine: 'it answers nothing by which llem knows an engine',
    engine_version: 'it tells no version',
    context_size: 'it does not tell it',
    dtype: 'it does not tell it',
    quantisation: 'it does not tell it',
    tensor_parallel: 'it does not tell it',
    pipeline_parallel: 'it does not tell it',
    data_parallel: 'it does not tell it',
  }
  const missing = Object.entries(reasons).filter(([key]) => observed[key as keyof typeof reasons] === null)
  return { ...observed, reasons: Object.fromEntries(missing) }
}

function headerVersion({ engine }: EngineFacts, { headers: { server } }: Answer): string | null {
  const header = Array.isArray(server) ? server[0] : server
  return engine === null ? shortOrNull(header) : null
}

function shortOrNull(text: string | null | undefined): string | null {
  return text == null || text === '' ? null : shortened(text)
}

/** It says itself that it is another one; what does not tell may be a proxy before it. */
function isOther(title: string, address: string, told: string): LlemError {
  const name = backendOf(told)
  return new LlemError(`${address} is no ${title} but ${told}`, {
    code: 'SERVER_IS_OTHER',
    hint: `Use -b ${name} --set ${name}.base_url=${address}, or correct the address.`,
    kind: 'usage',
  })
}

function refused(title: string, status: number, words: string): LlemError {
  return new LlemError(`${title} refuses llem (${status}): ${words}`, {
    code: 'SERVER_REFUSES',
    hint: 'Put the key into an environment variable and its name into api_key_env; OPENAI_API_KEY is sent unasked to api.openai.com alone.',
  })
}

function notServed(
  title: string,
  { model, name, servedAs }: AskedModel,
  listed: readonly ListedModel[],
  paths: readonly (string | null)[],
): LlemError {
  const wanted = name ?? model
  const also =
    name === null && servedAs !== null ? ` nor served_as ${JSON.stringify(shortened(servedAs))}` : ''
  const path = paths.find((each) => each !== null) ?? null
  const known = listed.map(({ id }) => id)
  const ids = listedNames(known.length === 0 && path !== null ? [path] : known)
  const what = path === null || known.length !== 1 || known[0] === path ? '' : `, which is ${shortened(path)}`
  const means = known.length > 1 ? 'one of them' : JSON.stringify(ids)
  return new LlemError(
    `${title} does not serve ${JSON.stringify(shortened(wanted))}${also}, but ${ids}${what}; what would be measured is not what was asked for`,
    {
      code: 'MODEL_NOT_SERVED',
      hint:
        name === null
          ? `Ask for ${means} with \`model\`; or where ${means} is the server's name for it, say so with \`served_as\` in the server's group.`
          : `Set the key \`model\` of its group to one of: ${ids}. Where the list leaves it out, set \`served_as\` to the same.`,
    },
  )
}

function generatesNothing(title: string, name: string): LlemError {
  return new LlemError(
    `${title} has ${JSON.stringify(shortened(name))} for embeddings: it generates no text`,
    {
      code: 'MODEL_NOT_SERVED',
      hint: 'Ask for a model that generates text.',
      kind: 'usage',
    },
  )
}

/** The name that requests are to give is certainly another model than the one that results would be filed under. */
function namedForOther(title: string, { model }: AskedModel, { name }: ResolvedModel): LlemError {
  const [wanted, called] = [model, name].map((text) => JSON.stringify(shortened(text)))
  return new LlemError(
    `${title} would be asked for ${called} by the key \`model\` of its group, which is not ${wanted}; what would be measured is not what was asked for`,
    {
      code: 'MODEL_NOT_SERVED',
      hint: `Ask for ${called} with \`model\`; or where ${called} is what this server calls it, say so with served_as: ${called} in the server's group.`,
    },
  )
}

/** A name of its list that it gives to other weights. */
function standsForOther(
  title: string,
  { model }: AskedModel,
  { name }: ResolvedModel,
  root: string,
): LlemError {
  const [wanted, called, told] = [model, name, root].map((text) => JSON.stringify(shortened(text)))
  return new LlemError(
    `${title} lists ${called} as a name for ${told} (its root), which is not ${wanted}; what would be measured is not what was asked for`,
    {
      code: 'MODEL_NOT_SERVED',
      hint: `Ask for ${told} with \`model\`; or where ${told} is what you mean, say so with served_as: ${told} in the server's group.`,
    },
  )
}

/** An answer names another model than the one that was asked for. */
export function answersOther(
  title: string,
  { model }: AskedModel,
  name: string,
  answered: string,
): LlemError {
  const [told, sent, wanted] = [answered, name, model].map((text) => JSON.stringify(shortened(text)))
  const asked = sent === wanted ? sent : `${sent}, meant as ${wanted},`
  return new LlemError(`${title} was asked for ${asked} and answers as ${told}`, {
    code: 'MODEL_ANSWERS_OTHER',
    hint: `Set served_as: ${told} in the server's group where this is what you mean.`,
  })
}
