import type { DeviceReport } from '../native/addon.js'
import type { SampledDevice } from '../native/sampler.js'
import type { ForeignProcess, LimitChange } from '../results/energy.js'
import { isInContainer } from '../workers/container-processes.js'

/**
 * Who else computed on the GPUs; null where one of them does not list all of its processes and nobody else was seen. What runs in `ownContainer` is the
 * load: NVML tells the ids of this machine, of which none descends from llem there.
 */
export function foreignProcesses(
  reports: readonly DeviceReport[],
  devices: readonly SampledDevice[],
  ownContainer: string | null = null,
): ForeignProcess[] | null {
  const others = reports.flatMap<ForeignProcess>(({ tenancy }, position) =>
    tenancy.tenants.flatMap<ForeignProcess>(({ pid, name, relation }) =>
      (relation === 'foreign' || relation === 'unknown') &&
      !(ownContainer !== null && isInContainer(pid, ownContainer))
        ? [{ gpu_index: devices[position]?.index ?? position, pid, name: name ?? null, relation }]
        : [],
    ),
  )
  const mayHideSome = reports.some(({ tenancy }) => tenancy.mostProcesses === undefined)
  return mayHideSome && others.length === 0 ? null : others
}

/** The limits that somebody moved during the window or shortly before. */
export function limitChanges(
  reports: readonly DeviceReport[],
  devices: readonly SampledDevice[],
): LimitChange[] {
  return reports.flatMap(({ tenancy: { limits, changedTo } }, position) => {
    const gpu_index = devices[position]?.index ?? position
    const changes = [
      ['power_w', limits.powerW, changedTo.powerW],
      ['sm_clock_mhz', limits.smClockMhz, changedTo.smClockMhz],
      ['memory_clock_mhz', limits.memoryClockMhz, changedTo.memoryClockMhz],
    ] as const
    return changes.flatMap(([limit, from, to]) =>
      from === undefined || to === undefined ? [] : [{ gpu_index, limit, from, to }],
    )
  })
}

/** A warning's words about a process; one that may be the load's own is said to be. */
export function describeForeignProcess({ gpu_index, pid, name, relation }: ForeignProcess): string {
  const who = `${name ?? 'a process'} (pid ${pid})`
  return relation === 'foreign'
    ? `${who} computes on GPU ${gpu_index} too, and its energy is in these numbers. Stop it and measure again.`
    : `${who} computes on GPU ${gpu_index}, and from inside this container nobody can tell whose it is. Its energy is in these numbers.`
}

const LIMITS = { power_w: 'power limit', sm_clock_mhz: 'SM clock', memory_clock_mhz: 'memory clock' }

/** The same of a server that llem has not started, which nobody can tell from a stranger. */
export function describeServerOrStranger({ gpu_index, pid, name }: ForeignProcess): string {
  const who = `${name ?? 'a process'} (pid ${pid})`
  return `${who} computes on GPU ${gpu_index}. Either it is the server, or its energy is in these numbers too.`
}

/** A warning's words about a limit. */
export function describeLimitChange({ gpu_index, limit, from, to }: LimitChange): string {
  const unit = limit === 'power_w' ? 'W' : 'MHz'
  return `the ${LIMITS[limit]} of GPU ${gpu_index} was changed from ${from} to ${to} ${unit} while it was measured. Keep it and measure again.`
}
