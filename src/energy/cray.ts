// The power counters of HPE Cray nodes (/sys/cray/pm_counters): files such as "285921 J 1700000000123456 us", read anew by the
// node's controller about ten times a second, whose `freshness` counts the readings. Written from HPE's description
// (Cray-HPE/docs-csm, "User Access to Compute Node Power Data"); no such node was at hand.

import { closeSync, constants, openSync, readdirSync, readSync } from 'node:fs'
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
/** No node draws so much: what counts more has miscounted. */
const MOST_W = 1e6
/** A counter is read ten times a second; what is older than this at an edge is not taken for a miscount. */
const LATE_S = 10
/** A counter's file is one short line. */
const MOST_BYTES = 256

/** Reads them now; what it resolves to reads them again and has the differences. Nothing where the node has none. */
export function readCray(): () => UntrustedEnergy[] {
  const folder = join(process.env.LLEM_SYSFS_ROOT || '/sys', 'cray', 'pm_counters')
  const startMs = performance.now()
  const before = countersIn(folder)
  return () => {
    if (before === null) return []
    const after = countersIn(folder)
    const mostJ = MOST_W * ((performance.now() - startMs) / 1000 + LATE_S)
    return [...before.energies].map(([counter, first]) =>
      differenceOf(counter, first, { before, after, mostJ }),
    )
  }
}

interface Edges {
  before: Counters
  after: Counters | null
  /** More than anything can have drawn between both. */
  mostJ: number
}

function differenceOf(counter: string, first: Reading, edges: Edges): UntrustedEnergy {
  const last = edges.after?.energies.get(counter)
  const [energy_j, reason] = judged(first, last, edges)
  const isTimed = energy_j !== null && last !== undefined && first.atUs !== null && last.atUs !== null
  const seconds = isTimed ? (Number(last.atUs) - Number(first.atUs)) / 1e6 : null
  return { source: 'cray_pm_counters', counter, energy_j, seconds, reason }
}

function judged(
  first: Reading,
  last: Reading | undefined,
  { before, after, mostJ }: Edges,
): [energyJ: number | null, reason: string] {
  if (after === null || last === undefined) return [null, 'it was gone at the end of the window']
  if (after.startup !== before.startup) return [null, 'its controller began anew in the window']
  if (after.freshness !== null && after.freshness === before.freshness)
    return [null, 'it was not read anew in the window (freshness stood still)']
  if (first.atUs !== null && last.atUs !== null) {
    if (last.atUs < first.atUs) return [null, 'its own time went back in the window']
    if (last.atUs === first.atUs)
      return [null, 'it was not read anew in the window (its own time stood still)']
  }
  if (last.joules < first.joules) return [null, 'it counts less than before']
  if (last.joules - first.joules > mostJ)
    return [null, `it counts ${(last.joules - first.joules).toPrecision(2)} J more, which no node draws`]
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
    // A pipe in its place would be waited for without an end.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const bytes = Buffer.alloc(MOST_BYTES)
      return bytes.toString('utf8', 0, readSync(file, bytes)).trim()
    } finally {
      closeSync(file)
    }
  } catch {
    return null
  }
}
