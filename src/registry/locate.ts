// A model's name -> where it is on this machine, or what has to be fetched for it.

import { LlemError } from '../core/errors.js'
import { shortened } from '../core/foreign-text.js'
import { type HubName, type NamedModel, namedModel } from '../core/named-model.js'
import { hubCache, isOffline } from '../models/hub-cache.js'
import type { ModelSource } from '../results/identity.js'
import type { Asking } from './ask-hub.js'
import { findCached, whyNotCached } from './cached.js'
import { chooseFiles, partsOf } from './choose-files.js'
import { fetchPlan, filesOf, missingBytesOf, pathOf } from './fetch.js'
import { listRepository } from './list-repository.js'
import { findInOllama } from './ollama.js'
import type { HubPlan, Located, ModelShape } from './source.js'
import { verified } from './verify.js'

/**
 * Finds a model by name; null for a path, or for what a backend knows by itself. What is in the cache is not asked for again,
 * so that the next run measures the same weights and needs no network. Throws MODEL_*, HUB_* and INTERRUPTED.
 */
export async function locateModel(model: string, takes: ModelShape, asking: Asking): Promise<Located | null> {
  const name = namedModel(model)
  return name === null ? null : locateNamed(name, takes, asking)
}

async function locateNamed(name: NamedModel, takes: ModelShape, asking: Asking): Promise<Located> {
  if (name.registry === 'ollama') return findInOllama(name, takes)
  const offline = isOffline()
  const cached = findCached(name, takes, { isAll: offline })
  if (cached !== null) {
    asking.observer.detail(`${name.name} is in the cache: ${cached.path}`)
    const [only] = cached.source.files
    if (offline && name.selector === null && only !== undefined && /\.gguf$/i.test(only.path))
      asking.observer.note(
        `Note: ${name.name} is taken as ${shortened(only.path)}, which is all that the cache has of it; with a network it may be unclear.`,
      )
    return cached
  }
  if (offline) throw isNotCached(name, whyNotCached(name, takes))
  const { commit, files } = await listRepository(name, asking)
  const { files: wanted, shape } = chooseFiles(name, files, takes)
  const [first] = wanted
  if (shape === 'gguf' && first !== undefined && wanted.length !== partsOf(first.path))
    throw lacksParts(name, first.path, wanted.length)
  const plan = {
    repository: name.repository,
    revision: name.revision ?? 'main',
    commit,
    files: wanted,
    shape,
  }
  return fromPlan(plan)
}

async function fromPlan(plan: HubPlan): Promise<Located> {
  const { repository, revision, commit, files } = plan
  const source = {
    registry: 'hf' as const,
    repository,
    revision,
    commit,
    manifest_sha256: null,
    files: files.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })),
  }
  return { state: 'absent', plan, source, missingBytes: await missingBytesOf(plan) }
}

/**
 * Fetches what is not here yet, and holds all of it against its checksums. Resolves with the path that the backend gets, and
 * with what is there. Throws HUB_*, DOWNLOAD_DIFFERS, DISK_FULL, MODEL_DAMAGED and INTERRUPTED.
 */
export async function fetchLocated(
  located: Located,
  asking: Asking,
): Promise<{ path: string; source: ModelSource }> {
  const path = located.state === 'here' ? located.path : await fetchPlan(located.plan, asking)
  const files = located.state === 'here' ? located.files : filesOf(located.plan)
  return { path, source: await verified(located.source, files, asking) }
}

/** Where it is, or will be. */
export function pathOfLocated(located: Located): string {
  return located.state === 'here' ? located.path : pathOf(located.plan)
}

function isNotCached({ name }: HubName, why: LlemError | null): LlemError {
  const has = why === null ? '' : `Of the cache alone: ${why.message}. ${why.hint ?? ''} Or `
  return new LlemError(`the model ${name} is not in the cache, and HF_HUB_OFFLINE forbids to ask for it`, {
    code: 'HUB_OFFLINE',
    hint: `${has === '' ? 'Fetch' : `${has}fetch`} it once where there is a network (llem run -m ${name}) into ${hubCache()}, or unset HF_HUB_OFFLINE.`,
    kind: 'usage',
  })
}

function lacksParts({ repository }: HubName, path: string, there: number): LlemError {
  return new LlemError(`${repository} has ${there} of the ${partsOf(path)} parts of ${path}`, {
    code: 'MODEL_NOT_FOUND',
    hint: 'Take another model, or ask whoever published it.',
    kind: 'usage',
  })
}
