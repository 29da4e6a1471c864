// Which GPUs the runtimes leave visible here, as `llem devices -v` shows it.

import type { Device, Machine } from '../native/addon.js'
import { chooseDevices } from './devices.js'
import { gpusOfJob } from './slurm-gpus.js'
import { OTHERS_VISIBLE, visibleOthersHere } from './visible-others.js'

/** What hides GPUs of this machine from what is started here, and which are left. */
export interface Visible {
  /** Those of the variables that are set: CUDA's, the container toolkit's, Slurm's, ROCm's, Level Zero's. */
  variables: Record<string, string>
  /** The GPUs that llem measures unless others are named, in that order; by index. */
  measured: number[]
  /** The GPUs that belong to them and cannot be measured. */
  unmeasured: { index: number; reason: string }[]
  notes: string[]
}

const VARIABLES = [
  'CUDA_VISIBLE_DEVICES',
  'CUDA_DEVICE_ORDER',
  'NVIDIA_VISIBLE_DEVICES',
  'SLURM_JOB_GPUS',
  'SLURM_STEP_GPUS',
  'GPU_DEVICE_ORDINAL',
  ...OTHERS_VISIBLE,
] as const

/** Of this process's environment. */
export function visibleHere({ devices: present, unreadable = [] }: Machine): Visible {
  const { devices, unmeasured, notes } = chooseDevices(present, {
    explicit: null,
    cudaVisibleDevices: process.env.CUDA_VISIBLE_DEVICES,
    cudaDeviceOrder: process.env.CUDA_DEVICE_ORDER,
    others: visibleOthersHere(),
    unreadable,
    slurm: gpusOfJob(process.env),
  })
  const set = VARIABLES.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    variables: Object.fromEntries(set),
    measured: devices.filter(({ problem }) => problem === undefined).map(({ index }) => index),
    unmeasured,
    notes: [...notes, ...passedOver(present, devices)],
  }
}

/** Why a GPU that nothing hides is not measured unless it is named. */
function passedOver(present: readonly Device[], measured: readonly Device[]): string[] {
  const left = present.filter((device) => device.integrated === true && !measured.includes(device))
  return left.map(
    ({ index }) =>
      `GPU ${index} is the graphics of a processor, which is passed over beside another GPU; name it with --devices to measure it`,
  )
}
