import { counted } from '../energy/cpu.js'
import type { CpuDomain, CpuEnergy, Energy } from '../results/energy.js'
import { uncertain } from '../results/uncertain.js'
import { cpuPackages } from '../results/whose.js'

/**
 * What the CPU and its memory used, each on a line of its own, but for what is the headline; with `verbose` also why that is
 * not known.
 */
export function* cpuFacts(
  { cpu, backend }: { cpu: CpuEnergy } & Pick<Energy, 'backend'>,
  verbose = false,
): Generator<[name: string, fact: string]> {
  const { package_j, dram_j, reason, domains } = cpu
  const isHeadline = backend === 'rapl'
  const whose = isHeadline ? `the ${cpuPackages(cpu)}` : 'the GPUs'
  const beside = (joules: number, kind: CpuDomain['kind']) => {
    const parts = counted(domains, kind).map(({ uncertainty_j }) => uncertainty_j)
    // The counters of a machine count by one clock, so what is uncertain of them adds up.
    const known = parts.length > 0 && parts.every((part) => part !== null)
    const uncertainty = known ? parts.reduce((sum, part) => sum + part, 0) : null
    return `${uncertain(joules, uncertainty, 'J')} by RAPL, beside the energy of ${whose}`
  }
  if (package_j !== null && !isHeadline) yield ['CPU', beside(package_j, 'package')]
  if (dram_j !== null) yield ['DRAM', beside(dram_j, 'dram')]
  for (const { domain, kind, energy_j, mirrors, reason } of domains) {
    if (kind === 'psys' && energy_j !== null)
      yield [domain, `${uncertain(energy_j, null, 'J')} of the whole platform by RAPL, CPU included`]
    if (verbose && mirrors !== null) yield [domain, `not counted: ${reason}`]
  }
  if (verbose && reason !== null) yield ['RAPL', reason]
}
