// The CPU packages as what a window is about.

import { llemVersion } from '../core/version.js'
import type { CpuCounts } from '../native/cpu.js'
import type { CpuEnergy, Energy } from '../results/energy.js'
import { cpuPackages } from '../results/whose.js'
import type { EnergyMeasurement } from './backends/backend.js'
import { unaided } from './combined.js'
import { counted, cpuEnergyOf, packageUncertaintyJ } from './cpu.js'
import type { CpuMeters } from './cpu-instead.js'
import { beginSensorWindow } from './sensors.js'

/** A window over the CPU alone, in the manner of an EnergyWindow. End it once, or cancel it. */
export interface CpuEnergyWindow {
  readonly startNs: number
  end(): Promise<Energy>
  cancel(): void
}

/** What the counters say of a window, with the packages as its energy. `why`: that no GPU is measured. */
export function measuredByRapl({ startNs, endNs, cpu }: CpuCounts, why: string): EnergyMeasurement {
  const energy = cpuEnergyOf(cpu)
  return {
    domain: 'cpu',
    total_j: energy.package_j,
    duration_sec: (endNs - startNs) / 1e9,
    samples: null,
    per_gpu_j: null,
    method: energy.package_j === null ? null : 'counter',
    uncertainty_j: packageUncertaintyJ(energy),
    window: { start_ns: startNs, end_ns: endNs },
    edges_s: 0,
    domains: [],
    emissions: null,
    versions: { llem: llemVersion() },
    cpu: energy,
    reason: reasonOf(energy, why),
  }
}

/** Opens a window over the CPU, and sensors beside it, now. `why`: that no GPU is measured. */
export function beginCpuWindow({ cpu, sensors }: CpuMeters, why: string): CpuEnergyWindow {
  const startedAt = new Date()
  const window = cpu.beginWindow()
  const besides = sensors === null ? null : beginSensorWindow(sensors)
  return {
    startNs: window.startNs,
    async end() {
      const ended = besides?.end()
      const measured = measuredByRapl(window.end(), why)
      return unaided('rapl', measured, { startedAt, nativeReason: why, beside: await ended })
    },
    cancel() {
      window.cancel()
      besides?.cancel()
    },
  }
}

function reasonOf(cpu: CpuEnergy, why: string): string {
  const unknown = cpu.package_j === null ? `, unknown (${packageReason(cpu)})` : ''
  return `${cpuPackages(cpu)}, by RAPL${unknown}: no GPU is measured (${why.replace(/\.$/, '')})`
}

/** Why the sum over the packages is null, without what is said of the memory. */
function packageReason({ domains, reason }: CpuEnergy): string {
  const own = counted(domains, 'package').flatMap(({ domain, reason }) =>
    reason === null ? [] : [`${domain}: ${reason}`],
  )
  return own.length > 0 ? own.join('; ') : (reason ?? 'unknown')
}
