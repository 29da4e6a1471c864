import { LlemError } from '../core/errors.js'
import type { Device, Machine, WindowReport } from '../native/addon.js'
import { listDevices } from '../native/machine.js'
import { Sampler } from '../native/sampler.js'
import { isOfSysfs } from '../native/sysfs.js'
import type { Finding } from '../results/findings.js'
import { chooseDevices, type DeviceChoice, type Unmeasured } from './devices.js'
import { KnownDevices } from './known-devices.js'
import { gpusOfJob, notNamedByJob } from './slurm-gpus.js'
import { OTHERS_VISIBLE, visibleOthersHere } from './visible-others.js'

export interface SamplerWishes {
  /** Indices or UUIDs; null: what CUDA_VISIBLE_DEVICES leaves visible, else all. */
  devices: readonly (number | string)[] | null
  intervalMs: number
  slowIntervalMs: number
  /** Read the power only around the sensor's ticks, once they are known. */
  tickLocked?: boolean
  /** The id of the container in which the load runs; null or absent: it descends from this process. */
  ownContainer?: string | null
  /** The management library; undefined: the driver's own. */
  libraryPath: string | undefined
  /** CUDA_VISIBLE_DEVICES of the load; by default this process's. */
  cudaVisibleDevices?: string | undefined
  /** All GPUs that Slurm gave the job on this node, also where one of its tasks is kept to some. */
  wholeJob?: boolean
  /** In which order the load counts GPUs; by default as this process's CUDA_DEVICE_ORDER says. */
  cudaDeviceOrder?: string
}

/** How often the meter reads such sensors (crates/meter/src/sampler/sensors.rs). */
const SENSORS_MS = 20

export interface FoundDevices {
  machine: Machine
  /** The chosen devices. */
  devices: Device[]
  /** Those that belong to them and cannot be measured. */
  unmeasured: Unmeasured[]
  /** What a person should know about the choice. */
  notes: string[]
  /** What is to be told with the joules of the choice. */
  findings: Finding[]
}

/** The devices are in the sampler's order. */
export interface OpenedSampler extends FoundDevices {
  sampler: Sampler
  ownContainer: string | null
  /** Why no GPU is among the devices, where other sensors are read alone; null where GPUs are read. */
  withoutGpus: string | null
  /** Keeps for later runs what a window showed of the devices. */
  learn(report: WindowReport): Promise<void>
}

/** The GPUs to measure. Throws NO_GPU, GPU_NOT_FOUND and what listDevices throws. */
export async function findDevices({
  devices: explicit,
  libraryPath,
  cudaDeviceOrder = process.env.CUDA_DEVICE_ORDER,
  cudaVisibleDevices = process.env.CUDA_VISIBLE_DEVICES,
  wholeJob = false,
}: Pick<
  SamplerWishes,
  'devices' | 'libraryPath' | 'cudaDeviceOrder' | 'cudaVisibleDevices' | 'wholeJob'
>): Promise<DeviceChoice & Pick<FoundDevices, 'machine' | 'findings'>> {
  const machine = await listDevices(libraryPath)
  const slurm = gpusOfJob(process.env)
  const others = visibleOthersHere()
  const choice = chooseDevices(machine.devices, {
    explicit,
    cudaVisibleDevices: wholeJob && slurm !== null ? undefined : cudaVisibleDevices,
    slurm,
    cudaDeviceOrder,
    others,
    unreadable: machine.unreadable ?? [],
  })
  if (choice.devices.length === 0) throw noGpu(machine)
  const isNamed =
    explicit !== null || [cudaVisibleDevices, ...Object.values(others)].some((each) => each !== undefined)
  const finding = isNamed ? null : notNamedByJob(process.env, choice.devices.length)
  return { machine, ...choice, findings: finding === null ? [] : [finding] }
}

/** Finds the GPUs and starts polling them. Throws what findDevices and Sampler.open throw. */
export async function openSampler(wishes: SamplerWishes): Promise<OpenedSampler> {
  const { machine, devices, unmeasured, notes, findings } = await findDevices(wishes)
  const known = new KnownDevices(machine)
  const sampler = await Sampler.open({
    devices: await Promise.all(
      devices.map(async (device) => {
        const recalled = await known.recall(device)
        const gain = await known.boardGainOf(device)
        return {
          uuid: device.uuid,
          index: device.index,
          name: device.name ?? null,
          ...(recalled === undefined ? {} : { known: recalled }),
          ...(gain === null
            ? {}
            : { meter: { certificate: gain.certificate, measuredAt: gain.measured_at } }),
        }
      }),
    ),
    intervalMs: wishes.intervalMs,
    slowIntervalMs: wishes.slowIntervalMs,
    tickLocked: wishes.tickLocked ?? false,
    libraryPath: wishes.libraryPath,
    sysfsRoot: process.env.LLEM_SYSFS_ROOT || undefined,
    procRoot: process.env.LLEM_PROC_ROOT || undefined,
  })
  return {
    sampler,
    machine,
    devices,
    unmeasured,
    notes,
    findings,
    ownContainer: wishes.ownContainer ?? null,
    withoutGpus: null,
    async learn(report) {
      const lessons = report.devices.map((device, position) =>
        // What cannot be kept is found out again; no measurement is worse for it.
        known.learn(devices[position] as Device, device).catch(() => undefined),
      )
      await Promise.all(lessons)
    },
  }
}

/**
 * The sensors of a machine that are of no GPU, alone: a module whose GPU tells nothing, as of a Jetson, or none. Null where there
 * are none. `why`: there is no GPU to read.
 */
export async function openSensors(why: string): Promise<OpenedSampler | null> {
  const sysfsRoot = process.env.LLEM_SYSFS_ROOT || undefined
  const sampler = await Sampler.open({ devices: [], intervalMs: SENSORS_MS, sysfsRoot }).catch(() => null)
  if (sampler === null) return null
  return {
    sampler,
    machine: { devices: [], simulated: false },
    devices: [],
    unmeasured: [],
    notes: [],
    findings: [],
    ownContainer: null,
    withoutGpus: why,
    learn: async () => undefined,
  }
}

function noGpu(machine: Machine): LlemError {
  const { unreadable = [] } = machine
  // Graphics of a processor are no reason to look for who hides GPUs.
  const devices = machine.devices.filter(({ integrated }) => integrated !== true)
  if (unreadable.length > 0 && devices.length === 0) {
    const reasons = unreadable.map(({ index, reason }) => `GPU ${index}: ${reason}`).join('; ')
    return new LlemError(`No GPU of this machine can be read. ${reasons}.`, {
      code: 'NVML_QUERY_FAILED',
      hint: 'Check `nvidia-smi`; a GPU that is lost needs a reset or a reboot.',
    })
  }
  const hidden = devices.length > 0
  const others = devices.some(isOfSysfs) ? OTHERS_VISIBLE : []
  const set = ['CUDA_VISIBLE_DEVICES', ...others].filter((name) => process.env[name] !== undefined)
  const hiding = set.length > 0 ? set : ['CUDA_VISIBLE_DEVICES']
  return new LlemError(
    hidden
      ? `${hiding.map((name) => `${name}=${process.env[name]}`).join(' ')} hides every GPU of this machine.`
      : 'The driver sees no GPU on this machine.',
    {
      code: 'NO_GPU',
      hint: hidden
        ? `Unset ${hiding.join(' and ')}, or name GPUs with --devices.`
        : 'Check `nvidia-smi`, or add --simulate to try llem with a simulated GPU.',
    },
  )
}
