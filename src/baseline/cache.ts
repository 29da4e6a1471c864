import { readdir, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { contentHash } from '../core/identity.js'
import { cacheDir } from '../core/paths.js'
import type { Device } from '../native/addon.js'
import { makeFolder, writeJsonAtomically } from '../results/files.js'

const entrySchema = z.object({
  power_w: z.number().positive(),
  /** How far it may be off (k = 2); null where an older llem did not say. */
  uncertainty_w: z.number().nonnegative().nullable().default(null),
  measured_at: z.iso.datetime(),
  /** How long it was measured; null where an older llem did not say. */
  duration_sec: z.number().positive().nullable().default(null),
})
export type BaselineEntry = z.infer<typeof entrySchema>

/** With what it is the baseline of. */
const storedSchema = entrySchema.extend({
  uuid: z.string(),
  name: z.string().nullable().default(null),
  driver: z.string(),
  /** Undefined in what an older llem wrote, null where the board has none. */
  power_limit_w: z.number().nullable().optional(),
})
export type StoredBaseline = z.infer<typeof storedSchema>

/** The baseline of this board under this driver and power limit, if it is not older than the limit in seconds. */
export async function cachedBaseline(
  device: Device,
  driver: string,
  maxAgeS: number,
): Promise<BaselineEntry | null> {
  const entry = await read(entrySchema, pathOf(device, driver))
  // Absent or damaged is the same to a cache: measure again.
  if (entry === null) return null
  const ageS = ageOf(entry)
  return ageS >= 0 && ageS <= maxAgeS ? entry : null
}

/** Keeps a baseline for later runs; each file is replaced whole, so readers never see half of one. */
export async function storeBaseline(
  device: Device,
  driver: string,
  entry: z.input<typeof entrySchema>,
): Promise<void> {
  makeFolder(folder())
  await writeJsonAtomically(pathOf(device, driver), {
    uuid: device.uuid,
    name: device.name ?? null,
    driver,
    power_limit_w: device.powerLimitW ?? null,
    ...entry,
  })
}

/** Everything that is kept, the newest first; damaged files are left out. */
export async function storedBaselines(): Promise<StoredBaseline[]> {
  const names = await jsonFiles()
  const stored = await Promise.all(names.map((name) => read(storedSchema, join(folder(), name))))
  return stored.filter((each) => each !== null).sort((a, b) => b.measured_at.localeCompare(a.measured_at))
}

/** Forgets everything that is kept, and answers how much that was. */
export async function clearBaselines(): Promise<number> {
  const names = await jsonFiles()
  await Promise.all(names.map((name) => rm(join(folder(), name), { force: true })))
  return names.length
}

/** The file that is locked while somebody measures the baseline of this device; its folder is made. */
export function lockPathOf(device: Device, driver: string): string {
  const locks = join(cacheDir(), 'baseline-locks')
  makeFolder(locks)
  return join(locks, basename(pathOf(device, driver)))
}

/** Seconds since it was measured. */
export function ageOf(entry: Pick<BaselineEntry, 'measured_at'>): number {
  return (Date.now() - Date.parse(entry.measured_at)) / 1000
}

async function jsonFiles(): Promise<string[]> {
  const names = await readdir(folder()).catch(() => [])
  return names.filter((name) => name.endsWith('.json'))
}

async function read<T>(schema: z.ZodType<T>, path: string): Promise<T | null> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return null
  }
}

function folder(): string {
  return join(cacheDir(), 'baseline')
}

function pathOf(device: Device, driver: string): string {
  const key = contentHash({ uuid: device.uuid, driver, power_limit_w: device.powerLimitW ?? null })
  return join(folder(), `${key.slice(0, 32)}.json`)
}
