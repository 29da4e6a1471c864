import type { EnergyBackendName } from '../core/energy-backends.js'
import type { Energy } from '../results/energy.js'
import type { EnergyMeasurement } from './backends/backend.js'
import { crossCheck, devicesBy, tickUncertaintyJ } from './cross-check.js'
import { findingsOf } from './findings.js'
import type { SensorsCounted } from './sensors.js'

/** A backend's joules over its window, with all that llem's own sampler saw beside it. */
export function combined(backend: EnergyBackendName, measured: EnergyMeasurement, native: Energy): Energy {
  const uncertainty_j = measured.uncertainty_j ?? tickUncertaintyJ(measured, native.devices)
  const laterMs = (measured.window.start_ns - native.window.start_ns) / 1e6
  return {
    ...native,
    ...ownPart(backend, measured),
    devices: devicesBy(backend, measured, native.devices),
    uncertainty_j,
    absolute_uncertainty_j: withGain(measured.total_j, uncertainty_j, native.gain_pct),
    window: {
      ...measured.window,
      start_utc: new Date(Date.parse(native.window.start_utc) + laterMs).toISOString(),
    },
    cross_check: crossCheck(measured, uncertainty_j, native),
  }
}

/** A backend's joules where llem's own sampler can read no device. */
export function unaided(
  backend: EnergyBackendName,
  measured: EnergyMeasurement,
  {
    startedAt,
    nativeReason,
    beside = { sensors: [], faults: [] },
  }: { startedAt: Date; nativeReason: string; beside?: SensorsCounted | undefined },
): Energy {
  const energy: Omit<Energy, 'findings'> = {
    ...ownPart(backend, measured),
    integral_j: null,
    counter_j: null,
    counter_raw_j: null,
    residual_pct: null,
    uncertainty_j: measured.uncertainty_j,
    absolute_uncertainty_j: null,
    gain_pct: null,
    coverage: null,
    window: { ...measured.window, start_utc: startedAt.toISOString() },
    sampler: null,
    devices: [],
    unmeasured: null,
    cpu: measured.cpu ?? { package_j: null, dram_j: null, reason: nativeReason, domains: [] },
    external: [],
    contamination: { other_samplers: null, foreign_processes: null, limit_changes: null },
    ...beside,
    estimator: null,
    constants_hash: null,
    selection: null,
    cross_check: null,
    nodes: null,
    untrusted: [],
    cut: null,
  }
  return { ...energy, findings: findingsOf(energy) }
}

/** Another backend reads the same boards, whose gain nobody knows any better. */
function withGain(totalJ: number | null, uncertaintyJ: number | null, gainPct: number | null): number | null {
  if (totalJ === null || uncertaintyJ === null || gainPct === null) return null
  return Math.hypot(uncertaintyJ, (totalJ * gainPct) / 100)
}

function ownPart(
  backend: EnergyBackendName,
  {
    domain = 'gpu',
    total_j,
    method,
    duration_sec,
    per_gpu_j,
    samples,
    domains,
    emissions,
    versions,
    reason,
  }: EnergyMeasurement,
): Pick<Energy, 'backend' | 'domain' | 'method' | 'total_j' | 'reason' | 'duration_sec' | 'measurement'> {
  const version = versions[backend]
  const by = `${backend}${version === undefined ? '' : ` ${version}`}`
  const how =
    method === 'counter' ? 'the plain difference of the energy counters' : 'power that it polled itself'
  const source = domains.find((each) => each.domain === domain)?.source
  return {
    backend,
    domain,
    method,
    total_j,
    reason:
      reason ??
      (domain === 'gpu'
        ? `measured by ${by}: ${how}`
        : `nothing reads a GPU here; it is the energy of the CPU by ${by}${source === undefined ? '' : ` (${source})`}`),
    duration_sec,
    measurement: { per_gpu_j, samples, domains, emissions, versions },
  }
}
