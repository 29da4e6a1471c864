// What AMD's and Intel's runtimes leave visible. ROCm: "GPU isolation techniques" and "HIP environment variables"; Level
// Zero: "Affinity Mask" of its programming guide.

import type { Device } from '../native/addon.js'

/** The variables of those runtimes. */
export const OTHERS_VISIBLE = ['ROCR_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES', 'ZE_AFFINITY_MASK'] as const

/**
 * Their values; absent is a variable that is not set. On a machine without NVIDIA's GPUs CUDA_VISIBLE_DEVICES does what
 * HIP_VISIBLE_DEVICES does (ROCm, "GPU isolation techniques").
 */
export type VisibleOthers = Partial<
  Record<(typeof OTHERS_VISIBLE)[number] | 'CUDA_VISIBLE_DEVICES', string | undefined>
>

/** Those of this process. */
export function visibleOthersHere(): VisibleOthers {
  return Object.fromEntries(OTHERS_VISIBLE.map((name) => [name, process.env[name]]))
}

/** The GPUs of a list that are left visible, and whether a variable has named them. */
export interface VisibleDevices {
  devices: Device[]
  named: boolean
}

/** Of AMD's: by ROCr first, whose list HIP counts from 0 again. Both count in the kernel's order, partitions too. */
export function visibleOfAmd(
  present: readonly Device[],
  { ROCR_VISIBLE_DEVICES: rocr, HIP_VISIBLE_DEVICES, CUDA_VISIBLE_DEVICES }: VisibleOthers,
): VisibleDevices {
  const hip = HIP_VISIBLE_DEVICES ?? CUDA_VISIBLE_DEVICES
  const byRocr = rocr === undefined ? [...present] : untilUnknown(entriesOf(rocr), present)
  const devices = hip === undefined ? byRocr : untilUnknown(entriesOf(hip), byRocr)
  return { devices, named: rocr !== undefined || hip !== undefined }
}

/**
 * Of Intel's: indices, of which `0.1` is a tile of 0, whose energy is that of the GPU. Level Zero counts GPUs of their own
 * before those of processors.
 */
export function visibleOfIntel(
  present: readonly Device[],
  { ZE_AFFINITY_MASK: mask }: VisibleOthers,
): VisibleDevices {
  if (mask === undefined || mask.trim() === '') return { devices: [...present], named: false }
  const own = present.filter(({ integrated }) => integrated !== true)
  const counted = [...own, ...present.filter((device) => !own.includes(device))]
  const entries = entriesOf(mask).map((entry) => entry.replace(/\..*$/, ''))
  return { devices: entries.flatMap((entry) => deviceOf(entry, counted) ?? []), named: true }
}

function entriesOf(text: string): string[] {
  return text.split(',').map((entry) => entry.trim())
}

/** What comes after an entry that names nothing is not visible. */
function untilUnknown(entries: readonly string[], present: readonly Device[]): Device[] {
  const visible: Device[] = []
  for (const entry of entries) {
    const device = deviceOf(entry, present)
    if (device === undefined) break
    visible.push(device)
  }
  return visible
}

/** An index, or as ROCr has it a UUID: "GPU-" and the number of the chip. */
function deviceOf(entry: string, present: readonly Device[]): Device | undefined {
  if (/^\d+$/.test(entry)) return present[Number(entry)]
  const chip = /^GPU-([0-9a-f]+)$/i.exec(entry)?.[1]?.toLowerCase()
  return chip === undefined ? undefined : present.find(({ uuid }) => uuid.toLowerCase() === `amd-${chip}`)
}
