// A plan of files onto this disk, in the cache of Hugging Face: lock -> .incomplete -> checksum -> blob -> link -> ref. What has
// the final name is whole.

import { randomBytes } from 'node:crypto'
import { lstat, readlink, rename, rm, stat, statfs, symlink } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import { adviceOn } from '../core/system-fault.js'
import { CachedRepository } from '../models/hub-cache.js'
import { waitForLock } from '../native/lock.js'
import { interrupted, shownWhileWaiting, stopIfInterrupted } from '../progress/wait.js'
import { makeFolder, writeBytesAtomically } from '../results/files.js'
import { type Asking, hubEndpoint } from './ask-hub.js'
import { keepDigest } from './file-digest.js'
import type { FileHere, HubFile, HubPlan } from './source.js'
import { transfer } from './transfer.js'

const GB = 1e9
/** Others may fetch for hours; for how long nobody knows. */
const OTHERS_LIMIT_S = 24 * 3600

/** Fetches what is missing, and resolves with the path that the backend gets. Throws what a transfer throws, CACHE_NOT_WRITABLE and DISK_FULL. */
export async function fetchPlan(plan: HubPlan, asking: Asking): Promise<string> {
  const cache = new CachedRepository(plan.repository)
  await checkRoom(plan)
  for (const file of plan.files) {
    stopIfInterrupted(asking.signal)
    await fetchFile(plan, file, cache, asking)
  }
  // Last: a branch that leads to a commit without files is damage to other tools.
  if (plan.revision !== plan.commit)
    await remember(cache, plan).catch((error: unknown) =>
      // All of it is here; the next run asks the hub once more.
      asking.observer.detail(`The cache does not remember ${plan.revision} (non-fatal): ${messageOf(error)}`),
    )
  return pathOf(plan)
}

/** Where the model of a plan is once it is there. */
export function pathOf({ repository, commit, files, shape }: HubPlan): string {
  const cache = new CachedRepository(repository)
  return shape === 'folder' ? cache.snapshot(commit) : cache.snapshot(commit, files[0]?.path)
}

/** Where its files are once they are there, and what they are to come to. */
export function filesOf({ repository, commit, files }: HubPlan): FileHere[] {
  const cache = new CachedRepository(repository)
  return files.map(({ path, etag }) => ({ file: cache.snapshot(commit, path), expected: etag }))
}

/** Bytes that are still to come: of files that are not there, without what an earlier try has left of them. */
export async function missingBytesOf({ repository, commit, files }: HubPlan): Promise<number> {
  const cache = new CachedRepository(repository)
  let missing = 0
  for (const { path, bytes, etag } of files) {
    if ((await bytesAt(cache.snapshot(commit, path))) === bytes) continue
    if ((await bytesAt(cache.blob(etag))) === bytes) continue
    missing += Math.max(0, bytes - ((await bytesAt(incompleteOf(cache, etag))) ?? 0))
  }
  return missing
}

/** Throws DISK_FULL where what is to come does not fit. */
export async function checkRoom(plan: HubPlan): Promise<void> {
  const missing = await missingBytesOf(plan)
  if (missing === 0) return
  const folder = await nearest(new CachedRepository(plan.repository).folder)
  const { bavail, bsize, blocks } = await statfs(folder)
  // Some file systems that live elsewhere count nothing.
  if (blocks === 0 || bavail * bsize >= missing) return
  throw new LlemError(
    `${plan.repository} needs ${(missing / GB).toFixed(2)} GB more, and the disk of ${folder} has ${((bavail * bsize) / GB).toFixed(2)} GB left`,
    { code: 'DISK_FULL', hint: 'Make room, or name another folder with HF_HUB_CACHE.' },
  )
}

async function fetchFile(
  plan: HubPlan,
  file: HubFile,
  cache: CachedRepository,
  asking: Asking,
): Promise<void> {
  const [link, blob] = [cache.snapshot(plan.commit, file.path), cache.blob(file.etag)]
  if ((await bytesAt(link)) === file.bytes) return
  try {
    for (const path of [link, blob, cache.lock(file.etag)]) makeFolder(dirname(path))
  } catch (cause) {
    throw notWritable(dirname(blob), cause)
  }
  const lock = await locked(cache.lock(file.etag), file, asking)
  let isFresh = false
  try {
    // Whoever held the lock may have fetched it.
    if ((await bytesAt(blob)) !== file.bytes) {
      const incomplete = incompleteOf(cache, file.etag)
      await transfer(addressOf(plan, file), file, incomplete, asking)
      await rename(incomplete, blob)
      isFresh = true
    }
    await linkTo(blob, link)
    // Its bytes were counted into the checksum as they came.
    if (isFresh && file.etag.length === 64) await keepDigest(link, file.etag, asking)
  } catch (cause) {
    if (cause instanceof LlemError) throw cause
    throw notWritable(blob, cause)
  } finally {
    lock.release()
  }
}

/** Waits while another process fetches the same, visibly. */
async function locked(path: string, { path: name }: HubFile, { observer, signal }: Asking) {
  try {
    return await shownWhileWaiting(
      `Waiting for another process that fetches ${name}`,
      OTHERS_LIMIT_S,
      observer,
      () => waitForLock(path, { signal }),
    )
  } catch (cause) {
    if (signal?.aborted) throw interrupted(cause)
    throw cause
  }
}

function addressOf({ repository, commit }: HubPlan, { path }: HubFile): URL {
  const steps = path.split('/').map(encodeURIComponent).join('/')
  return new URL(`${hubEndpoint()}/${repository}/resolve/${commit}/${steps}`)
}

function incompleteOf(cache: CachedRepository, etag: string): string {
  return `${cache.blob(etag)}.incomplete`
}

/** A relative link, so that the cache may be moved. It takes the place of one to something else in one step. */
async function linkTo(blob: string, link: string): Promise<void> {
  const target = relative(dirname(link), blob)
  const there = await lstat(link).catch(() => null)
  if (there?.isSymbolicLink() && (await readlink(link)) === target) return
  const fresh = `${link}.${randomBytes(4).toString('hex')}`
  try {
    await symlink(target, fresh)
    await rename(fresh, link)
  } catch (error) {
    await rm(fresh, { force: true })
    // Some file systems have no links. There the file itself is in the snapshot, as huggingface_hub does it.
    if (!['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error
    await rename(blob, link)
  }
}

async function remember(cache: CachedRepository, { revision, commit }: HubPlan): Promise<void> {
  if (cache.commitOf(revision) === commit) return
  const ref = cache.ref(revision)
  makeFolder(dirname(ref))
  await writeBytesAtomically(ref, commit)
}

/** Bytes of the file at a path, wherever it links to; null where there is none. */
async function bytesAt(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null)
  return found?.isFile() ? found.size : null
}

async function nearest(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) if ((await stat(at).catch(() => null)) !== null) return at
}

function notWritable(path: string, cause: unknown): LlemError {
  return new LlemError(`models cannot be kept in ${path}: ${messageOf(cause)}`, {
    code: 'CACHE_NOT_WRITABLE',
    hint: `${adviceOn(cause)} HF_HUB_CACHE names another folder.`,
    cause,
  })
}
