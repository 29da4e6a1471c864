// What a campaign calls its experiments, for the results below its folder.

import { readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** CAMPAIGN/runs/EXPERIMENT/CYCLE/RUN: so far above a result is its campaign. */
const LEVELS = 4

interface Plan {
  experiments?: { name?: unknown; hash?: unknown }[]
}

/** Looks up the name of a result's experiment by its hash; null where it is of no campaign. */
export class CampaignNames {
  readonly #known = new Map<string, ReadonlyMap<string, string> | null>()

  nameOf(dir: string, hash: string): string | null {
    let folder = resolve(dir)
    for (let level = 0; level < LEVELS; level++) {
      folder = dirname(folder)
      const names = this.#namesIn(folder)
      if (names !== null) return names.get(hash) ?? null
    }
    return null
  }

  #namesIn(folder: string): ReadonlyMap<string, string> | null {
    let names = this.#known.get(folder)
    if (names === undefined) {
      names = read(join(folder, 'plan.json'))
      this.#known.set(folder, names)
    }
    return names
  }
}

/** A plan that cannot be read costs the names alone. */
function read(path: string): ReadonlyMap<string, string> | null {
  try {
    if (!statSync(path).isFile()) return null
    const { experiments = [] }: Plan = JSON.parse(readFileSync(path, 'utf8'))
    return new Map(experiments.map(({ hash, name }) => [String(hash), String(name)]))
  } catch {
    return null
  }
}
