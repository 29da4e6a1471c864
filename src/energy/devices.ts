import { LlemError } from '../core/errors.js'
import type { Device, UnreadableDevice } from '../native/addon.js'
import { isOfSysfs } from '../native/sysfs.js'
import { visibleList } from './cuda-visible.js'
import type { JobGpus } from './slurm-gpus.js'
import { type VisibleOthers, visibleOfAmd, visibleOfIntel } from './visible-others.js'

/** A GPU that was to be measured and cannot be. */
export interface Unmeasured {
  index: number
  reason: string
}

export interface DeviceChoice {
  devices: Device[]
  /** Those that would belong to them. */
  unmeasured: Unmeasured[]
  /** What a person should know about how the devices were found. */
  notes: string[]
}

export interface DeviceWishes {
  /** Indices or UUIDs of the config; null: what CUDA_VISIBLE_DEVICES leaves visible. */
  explicit: readonly (number | string)[] | null
  cudaVisibleDevices?: string | undefined
  cudaDeviceOrder?: string | undefined
  /** What leaves GPUs of other vendors visible; by default all of them are. */
  others?: VisibleOthers
  /** What the driver counts and does not tell about. */
  unreadable?: readonly UnreadableDevice[]
  /** What Slurm gave the job on this node; null outside of one. */
  slurm?: JobGpus | null
}

/** In which order what llem starts counts GPUs: the driver's, as llem does, unless somebody wants another. */
export function cudaDeviceOrderOfChildren(): string {
  return process.env.CUDA_DEVICE_ORDER || 'PCI_BUS_ID'
}

/**
 * Which GPUs an experiment uses, each once, by UUID. An index of the config is the driver's (as in nvidia-smi);
 * one in CUDA_VISIBLE_DEVICES is CUDA's, which is the same only where all GPUs are alike or CUDA_DEVICE_ORDER is
 * PCI_BUS_ID.
 */
export function chooseDevices(present: readonly Device[], wishes: DeviceWishes): DeviceChoice {
  const { explicit, cudaVisibleDevices, others = {}, unreadable = [], slurm = null } = wishes
  const notes: string[] = []
  if (explicit !== null) {
    const devices = unique(explicit.map((wish) => find(present, unreadable, String(wish), notes)))
    return { devices, unmeasured: [], notes }
  }
  const ofCuda = present.filter((device) => !isOfSysfs(device))
  const wanted =
    cudaVisibleDevices !== undefined
      ? visibleDevices(ofCuda, cudaVisibleDevices, wishes, notes)
      : slurm !== null
        ? devicesOfJob([...ofCuda, ...unreadable], slurm, notes)
        : [...ofCuda, ...unreadable]
  const isAlone = ofCuda.length === 0 && unreadable.length === 0
  const read = isAlone ? { ...others, CUDA_VISIBLE_DEVICES: cudaVisibleDevices } : others
  return {
    ...measurable([...wanted, ...visibleOthers(present.filter(isOfSysfs), read, isAlone)]),
    notes: [...new Set(notes)],
  }
}

/**
 * Those without NVML. Graphics of a processor and partitions without a sensor are passed over where the machine has any other
 * GPU and no variable names them: they draw a picture, or are in the energy of the GPU that they are part of.
 */
function visibleOthers(present: readonly Device[], others: VisibleOthers, isAlone: boolean): Device[] {
  const isBeside = ({ integrated, partition, problem }: Device) =>
    integrated === true || (partition === true && problem !== undefined)
  const isOnlyBeside = isAlone && present.every(isBeside)
  const of = (vendor: string) => present.filter((device) => device.vendor === vendor)
  return [visibleOfAmd(of('amd'), others), visibleOfIntel(of('intel'), others)].flatMap(
    ({ devices, named }) =>
      devices.filter(
        (device) => !isBeside(device) || isOnlyBeside || (named && device.problem === undefined),
      ),
  )
}

/** What CUDA would see of them. */
function visibleDevices(
  present: readonly Device[],
  cudaVisibleDevices: string,
  { cudaDeviceOrder, unreadable = [], slurm = null }: DeviceWishes,
  notes: string[],
): readonly (Device | UnreadableDevice)[] {
  const visible: (Device | UnreadableDevice)[] = []
  const { ordinals, uuids } = visibleList(cudaVisibleDevices)
  const all = [...present, ...unreadable]
  // Slurm's numbers of the whole node, where a control group leaves fewer GPUs than they name.
  if (
    slurm !== null &&
    ordinals?.length === all.length &&
    ordinals.some((ordinal) => ordinal >= all.length)
  ) {
    notes.push(
      `CUDA_VISIBLE_DEVICES=${cudaVisibleDevices} counts the GPUs of the node, of which only the job's are to be seen here`,
    )
    return all
  }
  for (const entry of ordinals?.map(String) ?? uuids ?? []) {
    // CUDA sees the entries before the first one that it does not know.
    const device = lookUp(all, entry)
    if (device === undefined) break
    // Two names of one GPU are one GPU twice, which voids the list; two instances of one are two.
    if (visible.includes(device) && !entry.startsWith('MIG-')) return []
    if (ordinals !== undefined && ordersMayDiffer(present, cudaDeviceOrder)) {
      notes.push(
        `CUDA_VISIBLE_DEVICES=${cudaVisibleDevices} counts GPUs in CUDA's order, which may differ from the driver's here; set CUDA_DEVICE_ORDER=PCI_BUS_ID or name UUIDs`,
      )
    }
    if (entry.startsWith('MIG-')) notes.push(migNote(entry))
    visible.push(device)
  }
  return visible
}

/**
 * The GPUs of a Slurm job. A control group that limits the view to them makes the driver count from 0 again, so as many GPUs as
 * the job has are the job's, whatever their numbers; where the driver shows more, the numbers are its own.
 */
function devicesOfJob<D extends Device | UnreadableDevice>(
  present: readonly D[],
  { variable, ids }: JobGpus,
  notes: string[],
): readonly D[] {
  const named = `${variable}=${ids.join(',')}`
  if (present.some((device) => 'migMode' in device && device.migMode === true)) {
    notes.push(
      `${named} counts MIG instances here: all GPUs of this machine that are to be seen are measured`,
    )
    return present
  }
  if (present.length > ids.length) {
    const own = present.filter(({ index }) => ids.includes(index))
    if (own.length === ids.length) return own
    notes.push(`${named} names GPUs that the driver does not show; all that it shows are measured`)
  } else if (present.length < ids.length)
    notes.push(`${named} names ${ids.length} GPUs, of which the driver shows ${present.length}`)
  return present
}

/**
 * Those that can be measured, each once, and why the others cannot. Where none can, all that are there are handed on:
 * whoever opens them says why.
 */
function measurable(wanted: readonly (Device | UnreadableDevice)[]): Omit<DeviceChoice, 'notes'> {
  const there = unique(wanted.filter(isThere))
  const devices = there.filter(({ problem }) => problem === undefined)
  if (devices.length === 0) return { devices: there, unmeasured: [] }
  const unmeasured = wanted.flatMap((device) => {
    const reason = isThere(device) ? device.problem : device.reason
    return reason === undefined ? [] : [{ index: device.index, reason }]
  })
  return { devices, unmeasured }
}

function isThere(device: Device | UnreadableDevice): device is Device {
  return 'uuid' in device
}

function find(
  present: readonly Device[],
  unreadable: readonly UnreadableDevice[],
  wish: string,
  notes: string[],
): Device {
  const device = lookUp([...present, ...unreadable], wish)
  if (device !== undefined && !isThere(device)) {
    throw new LlemError(`GPU ${wish} cannot be read: ${device.reason}.`, {
      code: 'NVML_QUERY_FAILED',
      hint: 'Choose others with --devices; `llem devices` lists them.',
    })
  }
  if (device === undefined) {
    throw new LlemError(
      `No GPU ${wish} on this machine, which has ${present.map((gpu) => `GPU ${gpu.index} (${gpu.uuid})`).join(', ') || 'none'}.`,
      { code: 'GPU_NOT_FOUND', hint: 'List the GPUs with `llem devices`.', kind: 'usage' },
    )
  }
  if (wish.startsWith('MIG-')) notes.push(migNote(wish))
  return device
}

function lookUp(
  present: readonly (Device | UnreadableDevice)[],
  wish: string,
): Device | UnreadableDevice | undefined {
  if (/^\d+$/.test(wish)) return present.find((gpu) => gpu.index === Number(wish))
  const there = present.filter(isThere)
  if (wish.startsWith('MIG-')) return parentOfMig(there, wish)
  // CUDA accepts any prefix of a UUID that fits one GPU.
  const matches = there.filter((gpu) => gpu.uuid.startsWith(wish))
  return /^(GPU|AMD|PCI)-/.test(wish) && matches.length === 1 ? matches[0] : undefined
}

/**
 * `MIG-GPU-<uuid>/<gi>/<ci>` names its parent; a bare MIG UUID is one of the instances that the driver lists, and where it
 * lists none, it fits when only one GPU is cut.
 */
function parentOfMig(present: readonly Device[], wish: string): Device | undefined {
  const parent = /^MIG-(GPU-[^/]+)\//.exec(wish)?.[1]
  if (parent !== undefined) return present.find((gpu) => gpu.uuid === parent)
  const listed = present.find((gpu) => gpu.migUuids?.includes(wish))
  if (listed !== undefined) return listed
  const cut = present.filter((gpu) => gpu.migMode === true)
  return cut.length === 1 && cut[0]?.migUuids === undefined ? cut[0] : undefined
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
