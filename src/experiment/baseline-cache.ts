import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { contentHash } from '../core/identity.js'
import { cacheDir } from '../core/paths.js'
import type { Device } from '../native/addon.js'
import { makeFolder, writeJsonAtomically } from '../results/files.js'

const entrySchema = z.object({ power_w: z.number().positive(), measured_at: z.iso.datetime() })
export type BaselineEntry = z.infer<typeof entrySchema>

/** The baseline of this board under this driver and power limit, if it is not older than the limit in seconds. */
export async function cachedBaseline(
  device: Device,
  driver: string,
  maxAgeS: number,
): Promise<BaselineEntry | null> {
  try {
    const entry = entrySchema.parse(JSON.parse(await readFile(pathOf(device, driver), 'utf8')))
    const ageS = ageOf(entry)
    return ageS >= 0 && ageS <= maxAgeS ? entry : null
  } catch {
    // Absent or damaged is the same to a cache: measure again.
    return null
  }
}

/** Keeps a baseline for later runs; each file is replaced whole, so readers never see half of one. */
export async function storeBaseline(device: Device, driver: string, entry: BaselineEntry): Promise<void> {
  makeFolder(join(cacheDir(), 'baseline'))
  await writeJsonAtomically(pathOf(device, driver), { uuid: device.uuid, driver, ...entry })
}

/** Seconds since it was measured. */
export function ageOf(entry: BaselineEntry): number {
  return (Date.now() - Date.parse(entry.measured_at)) / 1000
}

function pathOf(device: Device, driver: string): string {
  const key = contentHash({ uuid: device.uuid, driver, power_limit_w: device.powerLimitW ?? null })
  return join(cacheDir(), 'baseline', `${key.slice(0, 32)}.json`)
}
