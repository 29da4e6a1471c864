// What a repository of the hub has, by the hub's own library: its commit, and its files with their sizes and checksums.

import { LlemError } from '../core/errors.js'
import { shortened } from '../core/foreign-text.js'
import { mayCarryKey } from '../core/key-policy.js'
import { LIMITS } from '../core/limits.js'
import type { HubName } from '../core/named-model.js'
import { type Asking, hubEndpoint, hubFetch } from './ask-hub.js'
import type { HubFile } from './source.js'

export interface Listing {
  commit: string
  files: HubFile[]
}

/** Asks the hub. Throws MODEL_NOT_FOUND, MODEL_GATED, HUB_* and INTERRUPTED. */
export async function listRepository(name: HubName, asking: Asking): Promise<Listing> {
  // It takes a fifth of a second to import, which whoever has a model in the cache does not wait for.
  const { HubApiError, listFiles, modelInfo } = await import('@huggingface/hub')
  const hub = { hubUrl: hubEndpoint(), fetch: hubFetch(asking) }
  const { repository, revision } = name
  try {
    const { sha } = await modelInfo({
      ...hub,
      name: repository,
      revision: revision ?? 'main',
      additionalFields: ['sha'],
    })
    if (!/^[0-9a-f]{40}$/.test(sha)) throw oddAnswer(name, `names the commit ${shortened(String(sha))}`)
    const files: HubFile[] = []
    // Of the commit, so that a push in between changes nothing.
    const all = listFiles({
      ...hub,
      repo: { type: 'model', name: repository },
      revision: sha,
      recursive: true,
    })
    for await (const { type, path, size, oid, lfs } of all) {
      if (files.length === LIMITS.hub_files)
        throw oddAnswer(name, `lists more than ${LIMITS.hub_files} files`)
      if (type !== 'file') continue
      const etag = lfs?.oid ?? oid ?? ''
      if (!isPlainPath(path) || !isSize(size) || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag))
        throw oddAnswer(name, `lists the file ${shortened(String(path))} in a way that cannot be right`)
      files.push({ path, bytes: size, etag, sha256: lfs?.oid ?? null })
    }
    return { commit: sha, files }
  } catch (error) {
    if (error instanceof HubApiError) throw refused(name, error.statusCode, error.message)
    if (error instanceof LlemError) throw error
    throw oddAnswer(name, 'answers in another form than documented', error)
  }
}

function isSize(size: unknown): boolean {
  return Number.isSafeInteger(size) && Number(size) >= 0
}

/** A path below the repository, and nowhere else. */
function isPlainPath(path: unknown): boolean {
  return (
    typeof path === 'string' &&
    !/[\p{Cc}\\]/u.test(path) &&
    path.split('/').every((step) => step !== '' && step !== '.' && step !== '..')
  )
}

/** Whoever has no token is not told whether a repository is private, gated or not there. */
function refused({ name, repository, revision }: HubName, status: number, said: string): LlemError {
  if (status === 401 || status === 403)
    return new LlemError(`the model ${name} is not there, or it is gated or private`, {
      code: 'MODEL_GATED',
      hint: `Check its spelling; if it is gated, ${howToOpen(repository)}`,
      kind: 'usage',
    })
  if (status === 404)
    return new LlemError(
      revision === null
        ? `the hub has no model ${repository}`
        : `the hub has no model ${repository}, or it has no revision ${revision}`,
      {
        code: 'MODEL_NOT_FOUND',
        hint: 'Check its spelling: hf:OWNER/REPO, as in the address of its page.',
        kind: 'usage',
      },
    )
  return new LlemError(
    `the hub refuses the model ${name} (${status})${said.trim() === '' ? '' : `: ${shortened(said.trim(), 300)}`}`,
    {
      code: 'HUB_FAILED',
      hint: 'Try again later, or look at HF_ENDPOINT.',
    },
  )
}

/** What to do where a model is gated, with what is known of the token. */
export function howToOpen(repository: string): string {
  const hub = hubEndpoint()
  const page = `${hub}/${repository}`
  if (!process.env.HF_TOKEN)
    return `accept its terms at ${page}, make a token at ${hub}/settings/tokens, and set HF_TOKEN.`
  if (!mayCarryKey(hub)) return `use https in HF_ENDPOINT: HF_TOKEN was not sent, as ${hub} is not encrypted.`
  return `accept its terms at ${page} with the account of HF_TOKEN, which does not open it yet.`
}

function oddAnswer({ repository }: HubName, what: string, cause?: unknown): LlemError {
  return new LlemError(`the hub ${what} (${repository}, ${hubEndpoint()})`, {
    code: 'HUB_FAILED',
    hint: 'Look at HF_ENDPOINT, if it is set, or try again later.',
    cause,
  })
}
