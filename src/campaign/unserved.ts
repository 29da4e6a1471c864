// A server that runs already must answer as each model that a campaign names. Those as which it does not are left out:
// they would be measured as another model, cycle after cycle.

import { plainAddress } from '../config/config-hash.js'
import { isServerBackend } from '../config/schema.js'
import { LlemError } from '../core/errors.js'
import { shortened } from '../core/foreign-text.js'
import { attachedServer } from '../experiment/preflight/attached.js'
import type { Observer } from '../progress/observer.js'
import { shownWhileWaiting, stopIfInterrupted, unlessInterrupted } from '../progress/wait.js'
import type { CampaignPlan } from './plan.js'
import { type Alike, pointsOfServers } from './points.js'

/** One that does not say that it loads is given up then. */
const ASKING_LIMIT_S = 10

/** Why an experiment is left out. */
export interface LeftOut {
  code: string
  message: string
}

/** The experiments, by their places in the plan, whose model is not the one that would answer. What else is wrong with a server is told by the runs. */
export async function unservedPoints(
  plan: CampaignPlan,
  { observer, signal }: { observer: Observer; signal: AbortSignal | undefined },
): Promise<Map<number, LeftOut>> {
  const left = new Map<number, LeftOut>()
  const silent = new Set<string>()
  const answers: Answering[] = []
  for (const point of pointsOfServers(plan)) {
    const address = addressOf(point)
    if (silent.has(address)) continue
    try {
      const server = await shownWhileWaiting('Asking a server', ASKING_LIMIT_S, observer, (_, onWaiting) =>
        unlessInterrupted(attachedServer(point.config, signal, onWaiting), signal),
      )
      if (server !== null) answers.push({ point, key: JSON.stringify([address, server.name]), server })
    } catch (error) {
      stopIfInterrupted(signal)
      if (!(error instanceof LlemError)) throw error
      const { code, message } = error
      if (code !== 'MODEL_NOT_SERVED') silent.add(address)
      else for (const place of point.places) left.set(place, { code, message })
    }
  }
  for (const { point, server, own } of repeated(answers))
    for (const place of point.places) left.set(place, sameModel(point.config.model, server.name, own))
  return left
}

/** A point, and as what which server answers it. */
interface Answering {
  point: Alike
  /** Of the server and the name. */
  key: string
  server: NonNullable<Awaited<ReturnType<typeof attachedServer>>>
}

/**
 * Those of several models that a server takes for one whose name is less its own; of equal ones the later. `own`: the
 * model that is measured in their place.
 */
function repeated(answers: readonly Answering[]): (Answering & { own: string })[] {
  const best = new Map<string, Answering>()
  for (const each of answers) {
    const known = best.get(each.key)
    if (known === undefined || strangeness(each) < strangeness(known)) best.set(each.key, each)
  }
  return answers.flatMap((each) => {
    const own = best.get(each.key)?.point.config.model ?? each.point.config.model
    return own === each.point.config.model ? [] : [{ ...each, own }]
  })
}

/** 0: the server's own name for it; 1: known by the name; 2: only because somebody says so. */
function strangeness({ point, server: { name, by } }: Answering): number {
  if (point.config.model === name) return 0
  return by === 'served_as' || by === 'named' ? 2 : 1
}

function sameModel(model: string, name: string, own: string): LeftOut {
  const [asked, measured, told] = [model, own, name].map((text) => JSON.stringify(shortened(text)))
  return {
    code: 'MODEL_REPEATED',
    message: `the server answers for ${asked} as ${told}, as it does for ${measured}: it is the same model`,
  }
}

function addressOf({ config }: Alike): string {
  const { backend } = config
  const written = isServerBackend(backend) ? config[backend].base_url : null
  const address = plainAddress(written) ?? ''
  // One machine by two names.
  return address.replace(/^(https?:\/\/)(?:localhost|\[::1\])(?=[:/]|$)/i, '$1127.0.0.1')
}
