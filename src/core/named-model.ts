// Models by name: `hf:owner/repo[@revision][:file or quant]` of the Hugging Face hub, `ollama:name[:tag]` of Ollama's
// store. Anything else is a path, or a name that a backend knows by itself.

import { LlemError } from './errors.js'

/** A model of the Hugging Face hub. */
export interface HubName {
  registry: 'hf'
  /** As written. */
  name: string
  repository: string
  /** Branch, tag or commit; null is the main branch. */
  revision: string | null
  /** A file of it, or how its weights are packed (Q4_K_M); null where the repository leaves no choice. */
  selector: string | null
}

/** A model of Ollama's store on this machine. */
export interface OllamaName {
  registry: 'ollama'
  /** As written. */
  name: string
  host: string
  namespace: string
  model: string
  tag: string
}

export type NamedModel = HubName | OllamaName

const OLLAMA_HOST = 'registry.ollama.ai'
const OLLAMA_NAMESPACE = 'library'
const WORD = '[A-Za-z0-9_][A-Za-z0-9_.-]*'
const HUB = new RegExp(`^hf:(?://)?(${WORD}(?:/${WORD})?)(?:@(${WORD}(?:/${WORD})*))?(?::([^:]+))?$`)
const OLLAMA = new RegExp(`^ollama:(?:(?:(${WORD}(?::\\d+)?)/)?(${WORD})/)?(${WORD})(?::(${WORD}))?$`)

/** Whether a model is meant as a name of a registry; it may still be misspelt. */
export function isNamed(model: string): boolean {
  return /^(?:hf|ollama):/.test(model)
}

/** Takes a name apart; null for what is none. Throws MODEL_NAME_INVALID where it begins as one and is misspelt. */
export function namedModel(model: string): NamedModel | null {
  const page = /^https?:\/\/(?:www\.)?(?:huggingface\.co|hf\.co)\/([^/?#]+\/[^/?#]+)/.exec(model)
  if (page !== null) throw invalid(model, `Write hf:${page[1]} and, where it has several, :FILE or :QUANT.`)
  const [, registry] = /^(hf|ollama):/i.exec(model) ?? []
  if (registry === undefined) return null
  if (!isNamed(model))
    throw invalid(model, `Write ${registry.toLowerCase()}:${model.slice(registry.length + 1)}`)
  return model.startsWith('hf:') ? hubName(model) : ollamaName(model)
}

function hubName(name: string): HubName {
  const [, repository = '', revision = null, selector = null] = HUB.exec(name) ?? []
  const isSound = repository !== '' && ![repository, revision, selector].some(isUnsafe)
  if (!isSound)
    throw invalid(name, 'Write hf:OWNER/REPO, hf:OWNER/REPO:Q4_K_M, or hf:OWNER/REPO@COMMIT:FILE.')
  return { registry: 'hf', name, repository, revision, selector }
}

function ollamaName(name: string): OllamaName {
  const [, host = OLLAMA_HOST, namespace = OLLAMA_NAMESPACE, model = '', tag = 'latest'] =
    OLLAMA.exec(name) ?? []
  const isSound = model !== '' && ![host, namespace, model, tag].some(isUnsafe)
  if (!isSound) throw invalid(name, 'Write it as `ollama list` does: ollama:NAME or ollama:NAME:TAG.')
  return { registry: 'ollama', name, host, namespace, model, tag }
}

/** Names become paths: nothing in them may lead out of the folder that they belong to. */
function isUnsafe(part: string | null): boolean {
  return (
    part !== null &&
    (part.length > 300 || /[\p{Cc}\\]/u.test(part) || part.split('/').some((step) => /^\.*$/.test(step)))
  )
}

/** The name by which servers, and programs that fetch models themselves, know it; anything else as it is. */
export function bareName(model: string): string {
  const named = isNamed(model) ? namedModel(model) : null
  if (named === null) return model
  if (named.registry === 'ollama') return named.name.slice('ollama:'.length)
  // As llama-server lists what it took of a repository.
  return named.selector === null ? named.repository : `${named.repository}:${named.selector}`
}

function invalid(model: string, hint: string): LlemError {
  return new LlemError(`${JSON.stringify(model)} is no name of a model`, {
    code: 'MODEL_NAME_INVALID',
    hint,
    kind: 'usage',
  })
}
