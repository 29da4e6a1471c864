// The power counters of HPE Cray nodes (/sys/cray/pm_counters): files such as "285921 J 1700000000123456 us", read anew by the
// node's controller about ten times a second, whose `freshness` counts the readings. Written from HPE's description
// (Cray-HPE/docs-csm, "User Access to Compute Node Power Data"); no such node was at hand.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { UntrustedEnergy } from '../results/untrusted.js'

interface Reading {
  joules: number
  /** Microseconds of the source's own clock; null where it tells none. */
  atUs: number | null
}

/** All counters at a moment. */
interface Counters {
  freshness: string | null
  /** The controller began anew where it changes. */
  startup: string | null
  energies: Map<string, Reading>
}

const ENERGY = /^(\w+_)?energy$/

/** Reads them now; what it resolves to reads them again and has the differences. Nothing where the node has none. */
export function readCray(): () => UntrustedEnergy[] {
  const folder = join(process.env.LLEM_SYSFS_ROOT || '/sys', 'cray', 'pm_counters')
  const before = countersIn(folder)
  return () => {
    if (before === null) return []
    const after = countersIn(folder)
    return [...before.energies].map(([counter, first]) => differenceOf(counter, first, before, after))
  }
}

function differenceOf(
  counter: string,
  first: Reading,
  before: Counters,
  after: Counters | null,
): UntrustedEnergy {
  const last = after?.energies.get(counter)
  const [energy_j, reason] = judged(first, last, before, after)
  const seconds =
    last === undefined || first.atUs === null || last.atUs === null ? null : (last.atUs - first.atUs) / 1e6
  return { source: 'cray_pm_counters', counter, energy_j, seconds, reason }
}

function judged(
  first: Reading,
  last: Reading | undefined,
  before: Counters,
  after: Counters | null,
): [energyJ: number | null, reason: string] {
  if (after === null || last === undefined) return [null, 'it was gone at the end of the window']
  if (after.startup !== before.startup) return [null, 'its controller began anew in the window']
  if (after.freshness !== null && after.freshness === before.freshness)
    return [null, 'it was not read anew in the window (freshness stood still)']
  if (last.joules < first.joules) return [null, 'it counts less than before']
  return [last.joules - first.joules, 'as the node’s controller counts it, at edges of its own']
}

/** Null where the node has none. */
function countersIn(folder: string): Counters | null {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return null
  }
  const energies = names
    .filter((name) => ENERGY.test(name))
    .sort()
    .flatMap((name) => {
      const found = /^(\d+)\s*J(?:\s+(\d+)\s*us)?/.exec(textOf(join(folder, name)) ?? '')
      if (found === null) return []
      const [, joules, atUs] = found
      return [[name, { joules: Number(joules), atUs: atUs === undefined ? null : Number(atUs) }] as const]
    })
  return {
    freshness: textOf(join(folder, 'freshness')),
    startup: textOf(join(folder, 'startup')),
    energies: new Map(energies),
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}
