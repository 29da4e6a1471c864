import type { GpusToWatch } from '../campaign/health.js'
import type { CampaignPlan } from '../campaign/plan.js'
import { readPath } from '../config/tree.js'
import { messageOf } from '../core/errors.js'
import { findDevices } from '../energy/open.js'
import { GpuWatch } from '../native/health.js'
import { listDevices } from '../native/machine.js'

/** Opens the GPUs that the experiments of a campaign measure, to look at them between runs; or says why that cannot be. */
export async function openGpuWatch(
  plan: CampaignPlan,
  libraryPath: string | undefined,
): Promise<GpusToWatch> {
  try {
    const { devices } = await findDevices({ devices: devicesOf(plan), libraryPath })
    return { watch: await GpuWatch.open(devices, libraryPath), reason: null }
  } catch (error) {
    return { watch: null, reason: messageOf(error) }
  }
}

/** The temperature of the warmest GPU in degrees Celsius, for gaps that wait for it; null where none tells it. */
export async function warmestC(libraryPath: string | undefined): Promise<number | null> {
  const machine = await listDevices(libraryPath).catch(() => null)
  const known = machine?.devices.flatMap(({ temperatureC }) => temperatureC ?? []) ?? []
  return known.length === 0 ? null : Math.max(...known)
}

/** What the experiments name, together; null where one of them measures all that it sees. */
function devicesOf({ shared, experiments }: CampaignPlan): (number | string)[] | null {
  const path = ['energy', 'devices']
  const wishes = experiments.map(({ own }) => readPath(own, path) ?? readPath(shared, path) ?? null)
  const named = wishes.filter((wish) => Array.isArray(wish))
  return named.length < wishes.length ? null : [...new Set(named.flat())]
}
