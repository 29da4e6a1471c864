// Warming up the workers of an experiment, each until its own latency is steady, all at the same time: one that is
// alone on the machine runs at other clocks.

import type { ExperimentConfig } from '../config/schema.js'
import { LlemError } from '../core/errors.js'
import type { Observer } from '../progress/observer.js'
import { silentObserver } from '../progress/observer.js'
import { stopIfInterrupted } from '../progress/wait.js'
import type { Prompt } from '../prompts/prompt.js'
import type { WarmupResult } from '../results/experiment.js'
import { WorkerError } from '../workers/worker-error.js'
import type { Member } from './fleet.js'
import { generationOf } from './measurement.js'
import { warmupUntilConverged } from './warmup-rule.js'

interface Context {
  observer: Observer
  signal: AbortSignal | undefined
}

/** What the warmup of each worker came to, in their order. Throws when a worker ends, and INTERRUPTED. */
export function warmUp(
  members: readonly Member[],
  prompts: readonly Prompt[],
  config: ExperimentConfig,
  context: Context,
): Promise<WarmupResult[]> {
  return Promise.all(members.map((member) => warmUpOne(member, members.length, prompts, config, context)))
}

async function warmUpOne(
  { index: place, session }: Member,
  processes: number,
  prompts: readonly Prompt[],
  config: ExperimentConfig,
  { observer, signal }: Context,
): Promise<WarmupResult> {
  const generation = generationOf(config)
  let ended: LlemError | undefined
  return warmupUntilConverged(
    async (attempt) => {
      const prompt = prompts[(attempt * processes + place) % prompts.length] ?? { text: 'Hello' }
      try {
        return (await session.inferOne(prompt, { generation, signal })).latency_ms
      } catch (error) {
        if (error instanceof WorkerError || isOver(error)) ended = error
        throw error
      }
    },
    config.warmup,
    {
      observer: processes === 1 ? observer : nameProcess(place, observer),
      checkpoint: () => {
        stopIfInterrupted(signal)
        // A failing prompt may be one of a kind; a worker that is gone fails every prompt.
        if (ended !== undefined) throw ended
      },
    },
  )
}

/** The server is gone although its worker is not, or is not what was asked for. */
function isOver(error: unknown): error is LlemError {
  return error instanceof LlemError && ['SERVER_DIED', 'MODEL_ANSWERS_OTHER'].includes(error.code)
}

/** Of several processes the first has the progress bar, and every sentence says whose it is. */
function nameProcess(place: number, observer: Observer): Observer {
  return {
    note: (text) => observer.note(`[${place}] ${text}`),
    detail: (text) => observer.detail(`[${place}] ${text}`),
    progress: (stretch) => (place === 0 ? observer : silentObserver).progress(stretch),
  }
}
