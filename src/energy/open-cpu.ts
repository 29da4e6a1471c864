// Where no GPU can be read, the CPU's energy is what there is.

import { messageOf } from '../core/errors.js'
import type { CpuZone } from '../native/addon.js'
import { CpuMeter } from '../native/cpu.js'

/** What reads the CPU's counters, or why its packages cannot be read. */
export type OpenedCpu = { meter: CpuMeter; reason: null } | { meter: null; reason: string }

/** Begins to look at the CPU's counters, where each package among them can be read. Always resolves. */
export async function openCpu(): Promise<OpenedCpu> {
  let meter: CpuMeter | null = null
  try {
    meter = await CpuMeter.open(sysfsRoot())
    const { zones, reason } = meter.zones()
    const problem = reason ?? whyNoPackage(zones)
    if (problem === null) return { meter, reason: null }
    meter.close()
    return { meter: null, reason: problem }
  } catch (error) {
    meter?.close()
    return { meter: null, reason: messageOf(error) }
  }
}

/** What the machine counts of its CPU, or why it counts nothing. */
export async function cpuZones(): Promise<{ zones: CpuZone[]; reason: string | null }> {
  let meter: CpuMeter | null = null
  try {
    meter = await CpuMeter.open(sysfsRoot())
    const { zones, reason = null } = meter.zones()
    return { zones, reason }
  } catch (error) {
    return { zones: [], reason: messageOf(error) }
  } finally {
    meter?.close()
  }
}

/** Where sysfs is; undefined: /sys. */
export function sysfsRoot(): string | undefined {
  return process.env.LLEM_SYSFS_ROOT || undefined
}

/** One that cannot be read leaves the sum unknown from the outset. */
function whyNoPackage(zones: readonly CpuZone[]): string | null {
  const packages = zones.filter(({ kind }) => kind === 'package')
  if (packages.length === 0) return 'no RAPL zone here is a package'
  const reasons = new Set(packages.flatMap(({ reason }) => reason ?? []))
  return reasons.size === 0 ? null : [...reasons].join('; ')
}
