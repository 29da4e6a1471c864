import { LlemError } from '../core/errors.js'
import type { Device, Machine } from '../native/addon.js'
import { listDevices } from '../native/machine.js'
import { Sampler } from '../native/sampler.js'
import { chooseDevices } from './devices.js'

export interface SamplerWishes {
  /** Indices or UUIDs; null: what CUDA_VISIBLE_DEVICES leaves visible, else all. */
  devices: readonly (number | string)[] | null
  intervalMs: number
  slowIntervalMs: number
  /** The management library; undefined: the driver's own. */
  libraryPath: string | undefined
}

export interface OpenedSampler {
  sampler: Sampler
  machine: Machine
  /** The chosen devices, in the sampler's order. */
  devices: Device[]
  /** What a person should know about the choice. */
  notes: string[]
}

/** Finds the GPUs and starts polling them. Throws NO_GPU and what Sampler.open throws. */
export async function openSampler(wishes: SamplerWishes): Promise<OpenedSampler> {
  const machine = await listDevices(wishes.libraryPath)
  const { devices, notes } = chooseDevices(machine.devices, {
    explicit: wishes.devices,
    cudaVisibleDevices: process.env.CUDA_VISIBLE_DEVICES,
    cudaDeviceOrder: process.env.CUDA_DEVICE_ORDER,
  })
  if (devices.length === 0) throw noGpu(machine)
  const sampler = await Sampler.open({
    devices: devices.map(({ uuid, index, name }) => ({ uuid, index, name: name ?? null })),
    intervalMs: wishes.intervalMs,
    slowIntervalMs: wishes.slowIntervalMs,
    libraryPath: wishes.libraryPath,
    sysfsRoot: process.env.LLEM_SYSFS_ROOT || undefined,
  })
  return { sampler, machine, devices, notes }
}

function noGpu(machine: Machine): LlemError {
  const hidden = machine.devices.length > 0
  return new LlemError(
    hidden
      ? `CUDA_VISIBLE_DEVICES=${process.env.CUDA_VISIBLE_DEVICES} hides every GPU of this machine.`
      : 'The driver sees no GPU on this machine.',
    {
      code: 'NO_GPU',
      hint: hidden
        ? 'Unset CUDA_VISIBLE_DEVICES, or name GPUs with --devices.'
        : 'Check `nvidia-smi`, or add --simulate to try llem with a simulated GPU.',
    },
  )
}
