// The cache of Hugging Face on this machine, as huggingface_hub lays it out, so that each finds what another has fetched:
//
//   HUB/models--OWNER--NAME/blobs/ETAG                    the content; ETAG is the SHA-256 of large files
//   HUB/models--OWNER--NAME/blobs/ETAG.incomplete         what has come of it so far
//   HUB/models--OWNER--NAME/snapshots/COMMIT/PATH         links to blobs
//   HUB/models--OWNER--NAME/refs/BRANCH                   the commit that a branch or tag was when it was asked for
//   HUB/.locks/models--OWNER--NAME/ETAG.lock              whoever fetches a blob holds it (flock)
//
// https://huggingface.co/docs/huggingface_hub/guides/manage-cache

import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The folder HUB, by the variables of huggingface_hub. */
export function hubCache(env: NodeJS.ProcessEnv = process.env): string {
  const own = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE
  if (own) return fromHome(own)
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface')
  return join(fromHome(home), 'hub')
}

/** Whether nothing is to be asked of the hub. */
export function isOffline(env: NodeJS.ProcessEnv = process.env): boolean {
  return /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE || '')
}

/** A repository in the cache. */
export class CachedRepository {
  readonly folder: string
  readonly locks: string

  constructor(repository: string, env: NodeJS.ProcessEnv = process.env) {
    const name = `models--${repository.replaceAll('/', '--')}`
    this.folder = join(hubCache(env), name)
    this.locks = join(hubCache(env), '.locks', name)
  }

  /** The commit of a branch or tag when it was asked for last, or the commit itself; null where nothing is known of it. */
  commitOf(revision: string): string | null {
    const ref = this.ref(revision)
    if (existsSync(ref)) return readFileSync(ref, 'utf8').trim()
    return existsSync(join(this.folder, 'snapshots', revision)) ? revision : null
  }

  ref(revision: string): string {
    return join(this.folder, 'refs', revision)
  }

  snapshot(commit: string, file = ''): string {
    return join(this.folder, 'snapshots', commit, file)
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag)
  }

  lock(etag: string): string {
    return join(this.locks, `${etag}.lock`)
  }
}

function fromHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path
}
