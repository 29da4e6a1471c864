// Which campaign a result below its folder is of, and what it calls the experiment.

import { readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** CAMPAIGN/runs/EXPERIMENT/CYCLE/RUN: so far above a result is its campaign. */
const LEVELS = 4

interface Plan {
  experiments?: { name?: unknown; hash?: unknown }[]
  execution?: { structure?: unknown; until_ci_pct?: unknown }
}

/** A place in a campaign. */
export interface Place {
  /** Of the experiment. */
  name: string
  /** Its folder. */
  campaign: string
  /** The order of its runs. */
  structure: string | null
  /** Whether it went on until its intervals were narrow. */
  sequential: boolean
  cycle: number | null
}

interface Campaign extends Pick<Place, 'campaign' | 'structure' | 'sequential'> {
  names: ReadonlyMap<string, string>
}

/** Looks up the experiment of a result by its hash. */
export class CampaignNames {
  readonly #known = new Map<string, Campaign | null>()

  /** Null where it is of no campaign. */
  placeOf(dir: string, hash: string): Place | null {
    let folder = resolve(dir)
    let cycle: number | null = null
    for (let level = 0; level < LEVELS; level++) {
      folder = dirname(folder)
      const number = /^cycle-(\d+)$/.exec(basename(folder))?.[1]
      if (number !== undefined) cycle = Number(number)
      const found = this.#campaignIn(folder)
      if (found === null) continue
      const { names, ...campaign } = found
      const name = names.get(hash)
      return name === undefined ? null : { ...campaign, name, cycle }
    }
    return null
  }

  #campaignIn(folder: string): Campaign | null {
    let found = this.#known.get(folder)
    if (found === undefined) {
      found = read(folder)
      this.#known.set(folder, found)
    }
    return found
  }
}

/** A plan that cannot be read costs the names and the pairs alone. */
function read(campaign: string): Campaign | null {
  try {
    const path = join(campaign, 'plan.json')
    if (!statSync(path).isFile()) return null
    const { experiments = [], execution = {} }: Plan = JSON.parse(readFileSync(path, 'utf8'))
    return {
      campaign,
      structure: typeof execution.structure === 'string' ? execution.structure : null,
      sequential: (execution.until_ci_pct ?? null) !== null,
      names: new Map(experiments.map(({ hash, name }) => [String(hash), String(name)])),
    }
  } catch {
    return null
  }
}
