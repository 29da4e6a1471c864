// The CPU's energy counters as a table: what is there, and whether it can be read.

import type { CpuZone } from '../native/addon.js'
import { columns } from './tables.js'

const COUNTS: Readonly<Record<string, string>> = {
  package: 'the whole CPU of a socket, or of a die',
  core: 'cores, part of the package',
  uncore: 'graphics, part of the package',
  dram: 'memory, beside the package',
  psys: 'the whole platform, packages included',
}

export function cpuTable({ zones, reason }: { zones: readonly CpuZone[]; reason: string | null }): string {
  if (reason !== null) return `\nCPU energy (RAPL): none: ${reason}.`
  const rows = zones.map(({ name, kind, reason: problem }) => [
    name,
    problem == null ? 'yes' : 'no',
    problem ?? COUNTS[kind] ?? '',
  ])
  return `\n${columns(['CPU energy (RAPL)', 'readable', ''], rows)}`
}
