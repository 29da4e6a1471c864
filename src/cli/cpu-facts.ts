import type { CpuEnergy } from '../results/energy.js'

/** What the CPU and its memory used, each on a line of its own; with `verbose` also why that is not known. */
export function* cpuFacts(
  { package_j, dram_j, reason }: CpuEnergy,
  verbose = false,
): Generator<[name: string, fact: string]> {
  const beside = (joules: number) => `${joules.toFixed(1)} J by RAPL, beside the energy of the GPUs`
  if (package_j !== null) yield ['CPU', beside(package_j)]
  if (dram_j !== null) yield ['DRAM', beside(dram_j)]
  if (verbose && reason !== null) yield ['RAPL', reason]
}
