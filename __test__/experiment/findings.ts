// Valid pieces of a result, which a test overrides where it matters.

import type { DeviceEnergy, Energy } from '../../dist/results/energy.js'
import type { Environment } from '../../dist/results/experiment.js'

export function deviceEnergy(overrides: Partial<DeviceEnergy> = {}): DeviceEnergy {
  return {
    index: 0,
    uuid: 'GPU-1',
    name: 'NVIDIA H200',
    total_j: 6000,
    method: 'counter',
    reason: 'the counter and the readings agree',
    integral_j: 6000,
    counter_j: 6000,
    counter_raw_j: 6000,
    residual_pct: 0,
    uncertainty_j: 3,
    absolute_uncertainty_j: 300.01,
    uncertainty: [
      {
        component: 'edges',
        source: 'the readings beside them',
        type: 'A',
        standard_uncertainty_j: 1.5,
        of_board: false,
      },
      { component: 'gain', source: 'nvml.h', type: 'B', standard_uncertainty_j: 150, of_board: true },
    ],
    gain_pct: 5,
    counter_kind: 'integral',
    gain_ratio: { ratio: 1.001, uncertainty: 0.004 },
    findings: [],
    sensor: {
      update_period_ms: 100,
      window_ms: 25,
      lag_ms: 62.5,
      counter_period_ms: 100,
      first_update_ms: 13,
      first_update_doubt_ms: 5,
      counter_first_update_ms: 13,
      counter_first_update_doubt_ms: 5,
    },
    coverage: 1,
    gap_s: 0,
    readings: 6000,
    missing: 0,
    missing_reason: null,
    mean_power_w: 100,
    max_power_w: 120,
    power_domain: 'instant',
    temperature_start_c: 40,
    temperature_end_c: 42,
    temperature_max_c: 43,
    memory_used_max_mb: 1024,
    throttle_reasons: 0,
    throttled: { power_cap_s: 0, sw_thermal_s: 0, hw_thermal_s: 0, power_brake_s: 0 },
    ...overrides,
  }
}

/** A minute at 100 W. */
export function energy(overrides: Partial<Energy> = {}): Energy {
  return {
    backend: 'nvml',
    method: 'counter',
    total_j: 6000,
    reason: 'the counter and the readings agree',
    integral_j: 6000,
    counter_j: 6000,
    counter_raw_j: 6000,
    residual_pct: 0,
    uncertainty_j: 3,
    absolute_uncertainty_j: 300.01,
    gain_pct: 5,
    coverage: 1,
    duration_sec: 60,
    window: { start_ns: 0, end_ns: 60e9, start_utc: '2025-01-01T00:00:00.000Z' },
    sampler: {
      interval_ms: 10,
      samples: 6000,
      missed_deadlines: 0,
      dropped: 0,
      lateness_us_p50: 50,
      lateness_us_p99: 100,
      read_us_p50: 20,
      read_us_p99: 25,
      cpu_s: 0.1,
      driver_s: 0.1,
      driver_calls: 6600,
    },
    devices: [deviceEnergy()],
    cpu: { package_j: null, dram_j: null, reason: 'this machine has no RAPL zones', domains: [] },
    contamination: { other_samplers: [], foreign_processes: [], limit_changes: [] },
    findings: [],
    estimator: 'llem-edges-1',
    constants_hash: '00',
    faults: [],
    selection: null,
    measurement: null,
    cross_check: null,
    ...overrides,
  }
}

/** A machine with one H200 that is set up well. */
export function environment(gpu: Partial<Environment['gpus'][number]> = {}): Environment {
  return {
    summary_line: '',
    gpus: [
      {
        index: 0,
        uuid: 'GPU-1',
        name: 'NVIDIA H200',
        memory_total_mb: 143_771,
        compute_capability: '9.0',
        pcie_generation: 5,
        pcie_width: 16,
        mig_mode: false,
        persistence_mode: true,
        power_limit_w: 700,
        power_limit_default_w: 700,
        temperature_c: 40,
        vbios_version: null,
        ...gpu,
      },
    ],
    driver_version: '580.95.05',
    cuda_version: '13.0',
    cpu_model: null,
    cpu_count: 2,
    cpu_governor: null,
    memory_total_mb: 1024,
    os: 'Linux',
    container: null,
    service: null,
    versions: {},
  }
}
