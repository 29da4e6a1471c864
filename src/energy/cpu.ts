import type { CpuReport } from '../native/addon.js'
import type { CpuDomain, CpuEnergy } from '../results/energy.js'

/** What RAPL counted, in the words of result.json: sums over sockets of one kind, never of two. */
export function cpuEnergyOf({ domains: reported, reason }: CpuReport): CpuEnergy {
  const domains = reported.map(({ name, kind, energyJ, uncertaintyJ, reason, mirrors }) => ({
    domain: name,
    kind: kindOf(kind),
    energy_j: energyJ ?? null,
    uncertainty_j: uncertaintyJ ?? null,
    reason: reason ?? null,
    mirrors: mirrors ?? null,
  }))
  const packages = counted(domains, 'package')
  const memories = counted(domains, 'dram')
  const reasons = [
    ...(packages.length > 0 ? reasonsOf(packages) : [reason ?? 'no RAPL zone here is a package']),
    ...(memories.length > 0 ? reasonsOf(memories) : [reason ?? 'RAPL does not count the memory of this CPU']),
  ]
  return {
    package_j: sum(packages),
    dram_j: sum(memories),
    reason: reasons.length > 0 ? [...new Set(reasons)].join('; ') : null,
    domains,
  }
}

/** The counters of a kind that are counters of their own. */
export function counted(domains: readonly CpuDomain[], kind: CpuDomain['kind']): CpuDomain[] {
  return domains.filter((domain) => domain.kind === kind && domain.mirrors === null)
}

/** How far the sum over the packages may be off: they count by one clock, so what is uncertain of them adds up. */
export function packageUncertaintyJ({ package_j, domains }: CpuEnergy): number | null {
  if (package_j === null) return null
  return counted(domains, 'package').reduce<number | null>(
    (sum, { uncertainty_j }) => (sum === null || uncertainty_j === null ? null : sum + uncertainty_j),
    0,
  )
}

const KINDS: readonly string[] = ['package', 'core', 'uncore', 'dram', 'psys'] satisfies CpuDomain['kind'][]

function kindOf(kind: string): CpuDomain['kind'] {
  return KINDS.includes(kind) ? (kind as CpuDomain['kind']) : 'other'
}

function sum(domains: readonly CpuDomain[]): number | null {
  if (domains.length === 0) return null
  return domains.reduce<number | null>(
    (total, { energy_j }) => (total === null || energy_j === null ? null : total + energy_j),
    0,
  )
}

function reasonsOf(domains: readonly CpuDomain[]): string[] {
  return domains.flatMap(({ reason }) => reason ?? [])
}
