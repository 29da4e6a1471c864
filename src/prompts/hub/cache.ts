// Rows of data sets that were fetched before, in llem's cache folder, each file whole.

import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { contentHash } from '../../core/identity.js'
import { cacheDir } from '../../core/paths.js'
import { makeFolder, writeBytesAtomically } from '../../results/files.js'
import { takenPromptSchema } from '../taken.js'
import type { DatasetName } from './dataset-name.js'
import { datasetsServer } from './server.js'

const fetchedSchema = z.object({
  name: z.string(),
  /** Those that were read, also where they were not named. */
  config: z.string(),
  split: z.string(),
  column: z.string(),
  /** The commit of the data set; null where the server did not tell it. */
  revision: z.string().nullable(),
  fetched_at: z.iso.datetime(),
  /** Prompts in the order of the rows, and what was taken for what. Files of older releases have `texts` alone, without
   * what a system was told, and are fetched anew. */
  prompts: z.array(takenPromptSchema),
  /** Rows without a prompt among those that were read. */
  empty: z.number().int(),
  /** Whether the server has no more rows. */
  complete: z.boolean(),
  /** Whether the data set has more than the server. */
  partial: z.boolean(),
})
export type Fetched = z.infer<typeof fetchedSchema>

/** What was fetched latest for what is asked; null where there is nothing, or nothing whole. */
export async function recall(asked: DatasetName): Promise<Fetched | null> {
  const key = keyOf(asked)
  const names = await readdir(folder()).catch(() => [])
  const found = await Promise.all(names.filter((name) => name.startsWith(`${key}-`)).map(read))
  const [latest] = found
    .filter((fetched) => fetched !== null)
    .sort((a, b) => b.fetched_at.localeCompare(a.fetched_at))
  return latest ?? null
}

/** Keeps rows under what was asked and the commit that they are of. */
export async function keep(asked: DatasetName, fetched: Fetched): Promise<void> {
  makeFolder(folder())
  // As it is: what was fetched has no secret that is known, and prompts that only look like one must stay the same.
  const path = join(folder(), `${keyOf(asked)}-${commitOf(fetched)}.json`)
  await writeBytesAtomically(path, `${JSON.stringify(fetched, null, 2)}\n`)
}

/** A server's word becomes part of a path only where it looks like a commit. */
function commitOf({ revision }: Fetched): string {
  return revision !== null && /^[0-9a-zA-Z]{1,64}$/.test(revision) ? revision : 'unknown'
}

async function read(name: string): Promise<Fetched | null> {
  const path = join(folder(), name)
  try {
    return fetchedSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    // Damaged is as good as absent; removed, it is no longer looked at.
    await rm(path, { force: true }).catch(() => undefined)
    return null
  }
}

function folder(): string {
  return join(cacheDir(), 'datasets')
}

function keyOf(asked: DatasetName): string {
  return contentHash({ ...asked, server: datasetsServer() }).slice(0, 32)
}
