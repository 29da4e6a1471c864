// A model of the hub that is in the cache: found without asking anybody.

import { readdirSync, realpathSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { LlemError } from '../core/errors.js'
import type { HubName } from '../core/named-model.js'
import { CachedRepository } from '../models/hub-cache.js'
import { brokenWeights } from '../models/safetensors/header.js'
import { chooseFiles, partsOf } from './choose-files.js'
import type { HubFile, Located, ModelShape } from './source.js'

/**
 * What the cache has for a name, as the commit that its revision was when it was asked for last; null where it has not all
 * that is meant. Without the hub nobody knows what else a repository has, so that a name that leaves a choice open is found
 * here only where `isAll` says that the cache is all there is.
 */
export function findCached(
  name: HubName,
  takes: ModelShape,
  { isAll }: { isAll: boolean },
): (Located & { state: 'here' }) | null {
  const cache = new CachedRepository(name.repository)
  const revision = name.revision ?? 'main'
  const commit = cache.commitOf(revision)
  if (commit === null) return null
  const listed = filesIn(cache.snapshot(commit))
  const { files, shape } = choice(name, listed, takes) ?? { files: [], shape: 'gguf' as const }
  const [first] = files
  if (first === undefined) return null
  if (shape === 'gguf' && name.selector === null && !isAll) return null
  if (shape === 'gguf' && files.length !== partsOf(first.path)) return null
  // Other tools may have fetched a part of it.
  if (shape === 'folder' && !isAll && !isWholeFolder(cache.snapshot(commit), files)) return null
  const source = {
    registry: 'hf' as const,
    repository: name.repository,
    revision,
    commit,
    manifest_sha256: null,
    files: files.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })),
  }
  const path = shape === 'folder' ? cache.snapshot(commit) : cache.snapshot(commit, first.path)
  const here = files.map((file) => ({
    file: cache.snapshot(commit, file.path),
    expected: /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(file.etag) ? file.etag : null,
  }))
  return { state: 'here', path, source, files: here }
}

/** Why the cache alone has not what a name means, as the choice among its files tells it; null where it has nothing of it. */
export function whyNotCached(name: HubName, takes: ModelShape): LlemError | null {
  const cache = new CachedRepository(name.repository)
  const commit = cache.commitOf(name.revision ?? 'main')
  const files = commit === null ? [] : filesIn(cache.snapshot(commit))
  if (files.length === 0) return null
  try {
    chooseFiles(name, files, takes)
    return null
  } catch (error) {
    if (error instanceof LlemError) return error
    throw error
  }
}

function choice(name: HubName, files: readonly HubFile[], takes: ModelShape) {
  try {
    return chooseFiles(name, files, takes)
  } catch (error) {
    if (error instanceof LlemError) return null
    throw error
  }
}

function isWholeFolder(folder: string, files: readonly HubFile[]): boolean {
  const has = (name: RegExp) => files.some(({ path }) => name.test(path))
  return has(/^config\.json$/) && has(/^(tokenizer|vocab|tekken)/) && brokenWeights(folder) === null
}

/** The files of a snapshot whose content is there. */
function filesIn(folder: string, below = ''): HubFile[] {
  let entries: string[]
  try {
    // In the order in which the hub lists them.
    entries = readdirSync(join(folder, below)).sort()
  } catch {
    return []
  }
  return entries.flatMap((entry): HubFile[] => {
    const path = below === '' ? entry : `${below}/${entry}`
    try {
      const found = statSync(join(folder, path))
      if (found.isDirectory()) return filesIn(folder, path)
      if (!found.isFile()) return []
      const etag = basename(realpathSync(join(folder, path)))
      return [{ path, bytes: found.size, etag, sha256: /^[0-9a-f]{64}$/.test(etag) ? etag : null }]
    } catch {
      return []
    }
  })
}
