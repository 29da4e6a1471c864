import type { Energy } from '../results/energy.js'

const SOURCES = { slurm: 'Slurm', cray_pm_counters: 'pm_counters' } as const

/** What others count beside llem, as they say it. */
export function* untrustedFacts({
  untrusted,
}: Pick<Energy, 'untrusted'>): Generator<[name: string, fact: string]> {
  for (const { source, counter, energy_j, seconds } of untrusted) {
    if (energy_j === null) continue
    const over = seconds === null ? '' : ` over ${seconds.toFixed(1)} s of its own`
    yield [SOURCES[source], `${counter} ${energy_j.toFixed(0)} J${over}; not checked, in no other number`]
  }
}
