import { LlemError } from '../core/errors.js'
import type { Device } from '../native/addon.js'

export interface DeviceChoice {
  devices: Device[]
  /** What a person should know about how the devices were found. */
  notes: string[]
}

export interface DeviceWishes {
  /** Indices or UUIDs of the config; null: what CUDA_VISIBLE_DEVICES leaves visible. */
  explicit: readonly (number | string)[] | null
  cudaVisibleDevices?: string | undefined
  cudaDeviceOrder?: string | undefined
}

/**
 * Which GPUs an experiment uses, each once, by UUID. An index of the config is the driver's (as in nvidia-smi);
 * one in CUDA_VISIBLE_DEVICES is CUDA's, which is the same only where all GPUs are alike or CUDA_DEVICE_ORDER is
 * PCI_BUS_ID.
 */
export function chooseDevices(present: readonly Device[], wishes: DeviceWishes): DeviceChoice {
  const notes: string[] = []
  if (wishes.explicit !== null) {
    return { devices: unique(wishes.explicit.map((wish) => find(present, String(wish), notes))), notes }
  }
  if (wishes.cudaVisibleDevices === undefined) return { devices: [...present], notes }
  const visible: Device[] = []
  for (const entry of wishes.cudaVisibleDevices.split(',').map((text) => text.trim())) {
    // CUDA sees the entries before the first one that it does not know.
    const device = entry === '' || entry === '-1' ? undefined : lookUp(present, entry)
    if (device === undefined) break
    if (/^\d+$/.test(entry) && ordersMayDiffer(present, wishes.cudaDeviceOrder)) {
      notes.push(
        `CUDA_VISIBLE_DEVICES=${wishes.cudaVisibleDevices} counts GPUs in CUDA's order, which may differ from the driver's here; set CUDA_DEVICE_ORDER=PCI_BUS_ID or name UUIDs`,
      )
    }
    if (entry.startsWith('MIG-')) notes.push(migNote(entry))
    visible.push(device)
  }
  return { devices: unique(visible), notes: [...new Set(notes)] }
}

function find(present: readonly Device[], wish: string, notes: string[]): Device {
  const device = lookUp(present, wish)
  if (device === undefined) {
    throw new LlemError(
      `No GPU ${wish} on this machine, which has ${present.map((gpu) => `GPU ${gpu.index} (${gpu.uuid})`).join(', ') || 'none'}.`,
      { code: 'GPU_NOT_FOUND', hint: 'List the GPUs with `llem devices`.', kind: 'usage' },
    )
  }
  if (wish.startsWith('MIG-')) notes.push(migNote(wish))
  return device
}

function lookUp(present: readonly Device[], wish: string): Device | undefined {
  if (/^\d+$/.test(wish)) return present.find((gpu) => gpu.index === Number(wish))
  if (wish.startsWith('MIG-')) return parentOfMig(present, wish)
  // CUDA accepts any prefix of a UUID that fits one GPU.
  const matches = present.filter((gpu) => gpu.uuid.startsWith(wish))
  return wish.startsWith('GPU-') && matches.length === 1 ? matches[0] : undefined
}

/** `MIG-GPU-<uuid>/<gi>/<ci>` names its parent; a bare MIG UUID fits when only one GPU is cut into instances. */
function parentOfMig(present: readonly Device[], wish: string): Device | undefined {
  const parent = /^MIG-(GPU-[^/]+)\//.exec(wish)?.[1]
  if (parent !== undefined) return present.find((gpu) => gpu.uuid === parent)
  const cut = present.filter((gpu) => gpu.migMode === true)
  return cut.length === 1 ? cut[0] : undefined
}

function migNote(wish: string): string {
  return `${wish} is a MIG instance: its power reflects the parent GPU`
}

function ordersMayDiffer(present: readonly Device[], cudaDeviceOrder: string | undefined): boolean {
  return cudaDeviceOrder !== 'PCI_BUS_ID' && new Set(present.map((gpu) => gpu.name)).size > 1
}

function unique(devices: readonly Device[]): Device[] {
  return [...new Map(devices.map((device) => [device.uuid, device])).values()]
}
