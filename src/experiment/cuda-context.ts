// A CUDA context on each of the GPUs and nothing else, held by a process of its own (python/cuda_context.py).

import { fileURLToPath } from 'node:url'
import { WorkerProcess } from '../workers/worker-process.js'

/** A driver without persistence mode wakes its GPUs for this. */
const START_LIMIT_MS = 60_000
/** After stdin was closed, and again after SIGTERM. */
const END_GRACE_MS = 2_000

export interface CudaContexts {
  /** Why there are none; null where they are held. */
  reason: string | null
  /** Always resolves. */
  close(): Promise<void>
}

/** Makes them; resolves once they are there, or with why not. */
export async function holdCudaContexts(
  uuids: readonly string[],
  python: string | null,
): Promise<CudaContexts> {
  const program = fileURLToPath(import.meta.resolve('#cuda-context'))
  let told: (reason: string | null) => void = () => undefined
  const answer = new Promise<string | null>((resolve) => {
    told = resolve
  })
  const holder = new WorkerProcess(
    {
      command: python ?? process.env.LLEM_PYTHON ?? 'python3',
      args: [program],
      env: { ...process.env, CUDA_VISIBLE_DEVICES: uuids.join(',') },
    },
    {
      onLine(line) {
        const { contexts, unavailable } = parsed(line)
        if (typeof unavailable === 'string') told(unavailable)
        else if (contexts === uuids.length) told(null)
        else if (typeof contexts === 'number') told(`CUDA sees ${contexts} of ${uuids.length} GPUs`)
      },
      onGarbled: () => undefined,
    },
  )
  const kill = () => holder.kill('SIGKILL')
  process.once('exit', kill)
  const ended = holder.ended.then(({ what }) => {
    process.off('exit', kill)
    const tail = holder.stderr.lastLines(2)
    told(`what makes CUDA contexts ${what}${tail === null ? '' : `: ${tail}`}`)
  })
  const late = setTimeout(() => told(`no CUDA context within ${START_LIMIT_MS / 1000} s`), START_LIMIT_MS)
  const reason = await answer
  clearTimeout(late)
  return {
    reason,
    async close() {
      await holder.end(END_GRACE_MS)
      await ended
    },
  }
}

function parsed(line: string): { contexts?: unknown; unavailable?: unknown } {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
