import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { InferenceBackend, InferenceSession } from '../backends/backend.js'
import type { ExperimentConfig } from '../config/schema.js'
import { dataDir } from '../core/paths.js'
import { cudaDeviceOrderOfChildren } from '../energy/devices.js'
import type { Observer } from '../progress/observer.js'
import { shownWhileWaiting } from '../progress/wait.js'
import type { Service } from '../workers/service.js'

/** One loaded worker process of an experiment. */
export interface Member {
  /** From 0. */
  index: number
  session: InferenceSession
  /** The GPUs that it was given as one of several; null: those of all. */
  gpuUuids: string[] | null
  /** The GPUs to which it was kept; null: it sees what llem sees. */
  visibleUuids: readonly string[] | null
}

/** The worker processes of an experiment: one that sees all of its GPUs, or `processes` with a GPU each. */
export interface Fleet {
  members: readonly Member[]
  /** Ends every worker; always resolves. */
  close(): Promise<void>
}

/** Starts and loads all workers at once. Where one fails the others are ended and its error is thrown. */
export async function startFleet(
  backend: InferenceBackend,
  config: ExperimentConfig,
  deviceUuids: readonly string[],
  {
    observer,
    signal,
    service = null,
    keptTo = null,
  }: {
    observer: Observer
    signal: AbortSignal | undefined
    service?: Service | null
    /** The GPUs to which one process that has all of them is kept; null: it sees what llem sees. */
    keptTo?: readonly string[] | null
  },
): Promise<Fleet> {
  const failed = new AbortController()
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal])
  const startOne = async (
    gpuUuids: string[] | null,
    index: number,
    tell: (text: string) => void,
  ): Promise<Member> => {
    observer.detail(`Loading ${config.model}${gpuUuids === null ? '' : ` on ${gpuUuids.join(', ')}`}`)
    // A container may see other GPUs than those that are measured, and counts them its own way.
    const visible = gpuUuids ?? (service === null || deviceUuids.length === 0 ? keptTo : deviceUuids)
    try {
      const session = await backend.start({
        // A path is the same in a container, where another folder is the current one.
        model: service !== null && existsSync(config.model) ? resolve(config.model) : config.model,
        options: config[config.backend],
        dataDir: dataDir(),
        python: config.python,
        env: {
          ...process.env,
          CUDA_DEVICE_ORDER: cudaDeviceOrderOfChildren(),
          ...(visible === null ? {} : { CUDA_VISIBLE_DEVICES: visible.join(',') }),
        },
        service,
        timeouts: {
          loadMs: config.load_timeout_sec * 1000,
          requestMs: config.request_timeout_sec * 1000,
        },
        log: (line) => observer.detail(config.processes === 1 ? line : `[${index}] ${line}`),
        onLoading: tell,
        signal: either,
      })
      return { index, session, gpuUuids, visibleUuids: visible }
    } catch (error) {
      failed.abort(error)
      throw error
    }
  }
  const outcomes = await shownWhileWaiting('Loading the model', config.load_timeout_sec, observer, (tell) =>
    Promise.allSettled(
      assignGpus(config.processes, deviceUuids).map((gpuUuids, index) => startOne(gpuUuids, index, tell)),
    ),
  )
  const members = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const close = async () => {
    await Promise.all(members.map(({ session }) => session.close()))
  }
  if (members.length < outcomes.length) {
    await close()
    // The others were only ended because of the first.
    throw failed.signal.reason
  }
  return { members, close }
}

/** One GPU for each process, in turns where there are fewer GPUs; without GPUs, or for one process, no choice. */
export function assignGpus(processes: number, deviceUuids: readonly string[]): (string[] | null)[] {
  return Array.from({ length: processes }, (_, index) => {
    const uuid = deviceUuids[index % deviceUuids.length]
    return processes === 1 || uuid === undefined ? null : [uuid]
  })
}
