// A server that runs already must answer as each model that a campaign names. Those as which it does not are left out:
// they would be measured as another model, cycle after cycle.

import { isServerBackend } from '../config/schema.js'
import { LlemError } from '../core/errors.js'
import { shortened } from '../core/foreign-text.js'
import { attachedServer } from '../experiment/preflight/attached.js'
import { stopIfInterrupted, unlessInterrupted } from '../progress/wait.js'
import type { CampaignPlan } from './plan.js'
import { type Alike, pointsOfServers } from './points.js'

/** Why an experiment is left out. */
export interface LeftOut {
  code: string
  message: string
}

/** The experiments, by their places in the plan, whose model is not the one that would answer. What else is wrong with a server is told by the runs. */
export async function unservedPoints(
  plan: CampaignPlan,
  signal: AbortSignal | undefined,
): Promise<Map<number, LeftOut>> {
  const left = new Map<number, LeftOut>()
  const silent = new Set<string>()
  const answered = new Map<string, string>()
  for (const point of pointsOfServers(plan)) {
    const address = addressOf(point)
    if (silent.has(address)) continue
    try {
      const server = await unlessInterrupted(attachedServer(point.config, signal), signal)
      const same = server === null ? null : repeated(answered, address, server.name, point.config.model)
      if (same !== null) for (const place of point.places) left.set(place, same)
    } catch (error) {
      stopIfInterrupted(signal)
      if (!(error instanceof LlemError)) throw error
      const { code, message } = error
      if (code !== 'MODEL_NOT_SERVED') silent.add(address)
      else for (const place of point.places) left.set(place, { code, message })
    }
  }
  return left
}

/** Two names of a campaign that a server takes for one are one model, and the second is left out. */
function repeated(
  answered: Map<string, string>,
  address: string,
  name: string,
  model: string,
): LeftOut | null {
  const key = JSON.stringify([address, name])
  const first = answered.get(key) ?? model
  answered.set(key, first)
  if (first === model) return null
  const [own, other, told] = [model, first, name].map((text) => JSON.stringify(shortened(text)))
  return {
    code: 'MODEL_REPEATED',
    message: `the server answers for ${own} as ${told}, as it does for ${other}: it is the same model`,
  }
}

function addressOf({ config }: Alike): string {
  const { backend } = config
  return isServerBackend(backend) ? String(config[backend].base_url) : ''
}
