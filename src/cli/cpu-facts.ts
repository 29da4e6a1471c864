import type { CpuEnergy } from '../results/energy.js'
import { uncertain } from '../results/uncertain.js'

/** What the CPU and its memory used, each on a line of its own; with `verbose` also why that is not known. */
export function* cpuFacts(
  { package_j, dram_j, reason, domains }: CpuEnergy,
  verbose = false,
): Generator<[name: string, fact: string]> {
  const beside = (joules: number, kind: 'package' | 'dram') => {
    const parts = domains.filter((domain) => domain.kind === kind).map(({ uncertainty_j }) => uncertainty_j)
    // The counters of a machine count by one clock, so what is uncertain of them adds up.
    const known = parts.length > 0 && parts.every((part) => part !== null)
    const uncertainty = known ? parts.reduce((sum, part) => sum + part, 0) : null
    return `${uncertain(joules, uncertainty, 'J')} by RAPL, beside the energy of the GPUs`
  }
  if (package_j !== null) yield ['CPU', beside(package_j, 'package')]
  if (dram_j !== null) yield ['DRAM', beside(dram_j, 'dram')]
  if (verbose && reason !== null) yield ['RAPL', reason]
}
