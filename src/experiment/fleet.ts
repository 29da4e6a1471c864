import type { InferenceBackend, InferenceSession } from '../backends/backend.js'
import type { ExperimentConfig } from '../config/schema.js'
import { dataDir } from '../core/paths.js'
import type { Observer } from './observer.js'

/** One loaded worker process of an experiment. */
export interface Member {
  /** From 0. */
  index: number
  session: InferenceSession
  /** The GPUs that it was given; null: it sees what llem sees. */
  gpuUuids: string[] | null
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
  { observer, signal }: { observer: Observer; signal: AbortSignal | undefined },
): Promise<Fleet> {
  const failed = new AbortController()
  const loading = loadingShown(config, observer)
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal])
  const starts = assignGpus(config.processes, deviceUuids).map(async (gpuUuids, index) => {
    observer.detail(`Loading ${config.model}${gpuUuids === null ? '' : ` on ${gpuUuids.join(', ')}`}`)
    try {
      const session = await backend.start({
        model: config.model,
        options: config[config.backend],
        dataDir: dataDir(),
        env: gpuUuids === null ? undefined : { ...process.env, CUDA_VISIBLE_DEVICES: gpuUuids.join(',') },
        timeouts: {
          loadMs: config.load_timeout_sec * 1000,
          requestMs: config.request_timeout_sec * 1000,
        },
        log: (line) => observer.detail(config.processes === 1 ? line : `[${index}] ${line}`),
        onLoading: (text) => loading.tell(text),
        signal: either,
      })
      return { index, session, gpuUuids }
    } catch (error) {
      failed.abort(error)
      throw error
    }
  })
  const outcomes = await Promise.allSettled(starts)
  loading.stop()
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

/** A wait of minutes on a large model. */
function loadingShown(
  config: ExperimentConfig,
  observer: Observer,
): { tell(text: string): void; stop(): void } {
  const startMs = performance.now()
  const elapsedS = () => Math.round((performance.now() - startMs) / 1000)
  let text = ''
  const limit = {
    label: 'Loading the model',
    total: config.load_timeout_sec,
    unit: 's',
    isLimit: true,
  } as const
  // A small model is there before anybody wonders.
  let progress: ReturnType<Observer['progress']> | undefined
  const timer = setInterval(() => {
    progress ??= observer.progress(limit)
    progress.update(elapsedS(), text)
  }, 1000)
  return {
    tell(said) {
      text = said
    },
    stop() {
      clearInterval(timer)
      progress?.stop()
    },
  }
}
