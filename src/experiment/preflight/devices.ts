import type { ExperimentConfig } from '../../config/schema.js'
import { LlemError } from '../../core/errors.js'
import { chooseDevices, cudaDeviceOrderOfChildren } from '../../energy/devices.js'
import { gpusOfJob } from '../../energy/slurm-gpus.js'
import { visibleOthersHere } from '../../energy/visible-others.js'
import type { Device, Machine } from '../../native/addon.js'
import { listDevices } from '../../native/machine.js'
import { isOfSysfs } from '../../native/sysfs.js'
import { isAttached } from '../identity.js'
import { tensorParallelOf } from './tensor-parallel.js'

export interface GpusOfRun {
  /** What the driver lists. */
  present: readonly Device[]
  /** Those that are measured. */
  measured: readonly Device[]
}

/**
 * The GPUs of an experiment; null where none can be listed and none is asked for. Throws GPU_NOT_FOUND, NVML_QUERY_FAILED,
 * DEVICES_DIFFER and TOO_FEW_GPUS.
 */
export async function gpusOfRun(
  config: ExperimentConfig,
  libraryPath: string | undefined,
): Promise<GpusOfRun | null> {
  // Other machines' GPUs are their meters' matter.
  if (config.energy.nodes !== null && config.energy.backend !== null) return null
  const explicit = config.energy.backend === null ? null : config.energy.devices
  const machine = await listDevices(libraryPath).catch((error: unknown) => {
    if (explicit !== null) throw error
    return null
  })
  if (machine === null) return null
  const { devices: measured } = choiceOf(machine, explicit, visibleDevicesOf(config))
  refuseOthers(config, machine)
  refuseTooFew(config, measured)
  return { present: machine.devices, measured }
}

/** CUDA_VISIBLE_DEVICES as the children of llem get it from the person: by a server's own environment, or llem's. */
export function visibleDevicesOf(config: ExperimentConfig): string | undefined {
  return ownVisibleDevices(config) ?? process.env.CUDA_VISIBLE_DEVICES
}

/** That of the environment which a configuration gives a server that llem starts. */
function ownVisibleDevices(config: ExperimentConfig): string | undefined {
  const options = config[config.backend]
  return 'env' in options && !isAttached(config) ? options.env.CUDA_VISIBLE_DEVICES : undefined
}

function choiceOf(
  { devices, unreadable = [] }: Machine,
  explicit: readonly (number | string)[] | null,
  cudaVisibleDevices: string | undefined,
) {
  const cudaDeviceOrder = cudaDeviceOrderOfChildren()
  return chooseDevices(devices, {
    explicit,
    cudaVisibleDevices,
    cudaDeviceOrder,
    unreadable,
    others: visibleOthersHere(),
    slurm: gpusOfJob(process.env),
  })
}

/**
 * What computes must be what is measured. A server that runs already computes where it likes; whoever is told to see no
 * GPU computes on none.
 */
function refuseOthers(config: ExperimentConfig, machine: Machine): void {
  const { devices: explicit, backend } = config.energy
  const visible = visibleDevicesOf(config)
  if (backend === null || explicit === null || visible === undefined || isAttached(config)) return
  const ofCuda = (gpu: Device) => !isOfSysfs(gpu)
  const computing = choiceOf(machine, null, visible).devices.filter(ofCuda)
  if (computing.length === 0) return
  const measured = choiceOf(machine, explicit, undefined).devices.filter(ofCuda)
  const unseen = measured.filter((gpu) => !computing.includes(gpu))
  // llem can keep what it starts from a GPU that is not measured, but not against what the person gives a server.
  const unmeasured =
    ownVisibleDevices(config) === undefined ? [] : computing.filter((gpu) => !measured.includes(gpu))
  if (unseen.length === 0 && unmeasured.length === 0) return
  throw new LlemError(
    `energy.devices measures ${listed(measured)}, and CUDA_VISIBLE_DEVICES=${visible} makes ${listed(computing)} compute: what computes is not what is measured`,
    {
      code: 'DEVICES_DIFFER',
      hint: `Set energy.devices: [${computing.map(({ index }) => index).join(', ')}], or leave one of the two out.`,
      kind: 'usage',
    },
  )
}

/** A server that shares layers among more GPUs than it sees does not start. */
function refuseTooFew(config: ExperimentConfig, visible: readonly Device[]): void {
  const { backend } = config
  if ((backend !== 'vllm' && backend !== 'tensorrt') || isAttached(config)) return
  const { key, gpus: wanted } = tensorParallelOf(config, backend)
  if (wanted === null || wanted <= visible.length) return
  throw new LlemError(
    `${key} is ${wanted}, and there ${visible.length === 1 ? 'is 1 GPU' : `are ${visible.length} GPUs`} for it: ${listed(visible)}`,
    {
      code: 'TOO_FEW_GPUS',
      hint: `Set ${key} to ${Math.max(1, visible.length)} or less, or let it see more GPUs.`,
      kind: 'usage',
    },
  )
}

function listed(devices: readonly Device[]): string {
  return devices.length === 0 ? 'none' : devices.map(({ index }) => `GPU ${index}`).join(', ')
}
