// Whose joules they are, in words that stand beside a number: nobody shall take those of a CPU for a GPU's.

import type { CpuEnergy, Energy } from './energy.js'

/** "CPU package", "2 CPU packages": the counters that are summed. */
export function cpuPackages({ domains }: Pick<CpuEnergy, 'domains'>): string {
  const count = domains.filter(({ kind, mirrors }) => kind === 'package' && mirrors === null).length
  return count > 1 ? `${count} CPU packages` : 'CPU package'
}

/** "CPU package, by RAPL", "the energy of the CPU, by codecarbon"; null for GPUs, whose joules are meant where nothing is said. */
export function whoseJoules(
  energy: (Pick<Energy, 'domain' | 'backend'> & { cpu: Pick<CpuEnergy, 'domains'> }) | null,
): string | null {
  if (energy === null || energy.domain !== 'cpu') return null
  return energy.backend === 'rapl' ? `${cpuPackages(energy.cpu)}, by RAPL` : 'the energy of the CPU'
}
