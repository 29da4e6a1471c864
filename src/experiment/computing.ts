// The GPUs that are measured are those that compute: what was given to the children of llem, what they say of it, and of
// a server that runs already what the GPUs' own lists of processes say.

import type { ExperimentConfig } from '../config/schema.js'
import { isServerBackend } from '../config/schema.js'
import { LlemError, messageOf } from '../core/errors.js'
import type { Meanings } from '../core/meanings.js'
import { findingsElsewhere, notMeasured } from '../energy/elsewhere.js'
import type { Device, Machine } from '../native/addon.js'
import { GpuWatch } from '../native/health.js'
import { isOfSysfs } from '../native/sysfs.js'
import { type Finding, warning } from '../results/findings.js'
import { listenersOn } from '../workers/listening.js'
import { processTree } from '../workers/process-tree.js'
import type { Member } from './fleet.js'
import { isAttached } from './identity.js'

/** How long the driver may take to list the processes of the GPUs. */
const PATIENCE_MS = 10_000

/** The GPUs that an experiment measures, on a machine that has perhaps others. */
export interface MeasuredGpus {
  machine: Machine
  devices: readonly Device[]
}

/**
 * The GPUs to which the children of llem are kept; null leaves them what llem sees. Simulated ones are no GPUs to CUDA, and
 * of one that is cut into instances CUDA wants an instance, which the person has named.
 */
export function gpusForChildren({ machine, devices }: MeasuredGpus): string[] | null {
  if (machine.simulated || devices.length === 0 || devices.some(({ migMode }) => migMode === true))
    return null
  // HIP takes CUDA_VISIBLE_DEVICES too, and knows no UUID of NVML.
  if (devices.some(isOfSysfs)) return null
  return devices.map(({ uuid }) => uuid)
}

/** Throws GPU_NOT_MEASURED where a worker says that it computes on a GPU of this machine that is not measured. */
export function refuseUnmeasured(
  members: readonly Pick<Member, 'session'>[],
  { machine, devices }: MeasuredGpus,
): void {
  const measured = new Set(devices.map(({ uuid }) => uuid))
  const used = members.flatMap(({ session: { info } }) => info.device_uuids ?? [])
  const elsewhere = machine.devices.filter(
    ({ uuid, migUuids = [] }) =>
      !measured.has(uuid) && used.some((each) => each === uuid || migUuids.includes(each)),
  )
  if (elsewhere.length === 0) return
  throw new LlemError(
    `the model computes on ${gpus(elsewhere)}, and ${gpus(devices)} would be measured: what computes is not what is measured`,
    {
      code: 'GPU_NOT_MEASURED',
      hint: `Set energy.devices: [${elsewhere.map(({ index }) => index).join(', ')}], or leave CUDA_VISIBLE_DEVICES out.`,
      kind: 'usage',
    },
  )
}

/**
 * On which GPUs the processes that compute are listed: those of the workers, or of a server on this machine that llem has
 * not started. A warning where that is one which is not measured, or where one is measured on which such a server is not;
 * nothing where it cannot be told.
 */
export async function findingsOfLists(
  config: ExperimentConfig,
  members: readonly Pick<Member, 'session'>[],
  { machine, devices }: MeasuredGpus,
  libraryPath: string | undefined,
): Promise<Finding[]> {
  if (!isAttached(config)) return ofOwn(members, { machine, devices }, libraryPath)
  const port = localPortOf(config)
  if (port === null || machine.devices.length === 0) return []
  const pids = treesOf(listenersOn(port))
  if (pids.size === 0) return []
  const watch = await GpuWatch.later(machine.devices, libraryPath)
  try {
    const looks = await watch.look(PATIENCE_MS)
    const lists = looks.map(({ index, processes = [] }) => ({
      index,
      pids: processes.map(({ pid }) => pid).filter((pid) => pids.has(pid)),
    }))
    return compared(
      lists.filter((list) => list.pids.length > 0),
      devices,
    )
  } finally {
    watch.close()
  }
}

/** What llem has started, on GPUs that are not measured: Vulkan takes no notice of CUDA_VISIBLE_DEVICES. */
async function ofOwn(
  members: readonly Pick<Member, 'session'>[],
  { machine, devices }: MeasuredGpus,
  libraryPath: string | undefined,
): Promise<Finding[]> {
  const others = notMeasured(machine.devices, devices)
  const pids = treesOf(members.flatMap(({ session }) => session.info.pid ?? []))
  if (others.length === 0 || pids.size === 0) return []
  const watch = await GpuWatch.later(others, libraryPath)
  try {
    const seen = (await watch.look(PATIENCE_MS)).flatMap(({ index, processes = [] }) =>
      processes
        .filter(({ pid }) => pids.has(pid))
        .map(({ pid, name }) => ({ gpu_index: index, pid, name: name ?? null })),
    )
    return findingsElsewhere(
      seen,
      devices.map(({ index }) => index),
    )
  } finally {
    watch.close()
  }
}

/** Processes with all that descend from them. */
function treesOf(pids: readonly number[]): Set<number> {
  return new Set(pids.flatMap((pid) => processTree(pid).map((each) => each.pid)))
}

function compared(
  listed: readonly { index: number; pids: readonly number[] }[],
  measured: readonly Device[],
): Finding[] {
  if (listed.length === 0) return []
  const own = new Set(measured.map(({ index }) => index))
  const computing = new Set(listed.map(({ index }) => index))
  const elsewhere = listed.filter(({ index }) => !own.has(index))
  const idle = measured.filter(({ index }) => !computing.has(index))
  const measuredGpus = gpus(measured)
  return [
    ...elsewhere.map(({ index, pids }) => ({
      ...warning(
        'server_on_other_gpu',
        `the process list of GPU ${index} shows the server (pid ${pids.join(', ')}), and ${measuredGpus} is measured: what computes is not what is measured. Name GPU ${index} in energy.devices.`,
      ),
      devices: [index],
    })),
    ...(idle.length === 0 || elsewhere.length > 0
      ? []
      : [
          {
            ...warning(
              'gpus_not_used',
              `no process of the server is on ${gpus(idle)}, whose energy is in the total. Name the others in energy.devices.`,
            ),
            devices: idle.map(({ index }) => index),
          },
        ]),
  ]
}

/** The port of a server that runs on this machine; null of any other. */
function localPortOf(config: ExperimentConfig): number | null {
  const { backend } = config
  if (!isServerBackend(backend) || !isAttached(config)) return null
  const { protocol, hostname, port } = new URL(String(config[backend].base_url))
  if (!/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)) return null
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}

/** What could not be told costs nothing. */
export async function listsOrNothing(
  look: () => Promise<Finding[]>,
  detail: (text: string) => void,
): Promise<Finding[]> {
  try {
    return await look()
  } catch (error) {
    detail(`On which GPUs the model computes cannot be told: ${messageOf(error)}`)
    return []
  }
}

function gpus(devices: readonly { index: number }[]): string {
  return devices.map(({ index }) => `GPU ${index}`).join(' and ')
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  server_on_other_gpu: {
    meaning: 'The server that runs already computes on a GPU that is not measured.',
    evidence: 'The process lists of the GPUs.',
    advice: 'Name that GPU in `energy.devices`.',
  },
}
