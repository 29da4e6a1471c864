import { describe, expect, it } from 'vitest'
import { type ExperimentFacts, measurementWarnings, warningsOf } from '../../dist/experiment/warnings.js'
import type { Energy } from '../../dist/results/energy.js'
import { deviceEnergy, energy, environment } from './findings.js'

const SHORT =
  'short_measurement_duration: measurement < 10s; energy values may be unreliable. Use more prompts or longer sequences.'
const PERSISTENCE =
  "gpu_persistence_mode_off: power state variation may inflate measurements. Run 'nvidia-smi -pm 1' to enable persistence mode."
const DRIFT =
  'thermal_drift_detected: 15.0C change during measurement (threshold 10.0C). Increase thermal_floor_seconds or check cooling.'
const FEW =
  'nvml_low_sample_count: fewer than 10 NVML power samples collected; energy integration may be inaccurate.'

describe('the four basic warnings', () => {
  const good = { persistenceMode: true, startTemperatureC: 30, endTemperatureC: 32, samples: 100 }
  const bad = { persistenceMode: false, startTemperatureC: 30, endTemperatureC: 45, samples: 5 }

  it.for([
    ['all apply to (5 s, off, 30 C, 45 C, 5 samples)', 5, bad, [SHORT, PERSISTENCE, DRIFT, FEW]],
    ['none applies to (60 s, on, 30 C, 32 C, 100 samples)', 60, good, []],
    ['only the first applies without a GPU', 5, null, [SHORT]],
    ['none applies without a GPU to a long one', 60, null, []],
    ['10 s are long enough', 10, good, []],
    ['a drift of just 10 C is none', 60, { ...good, endTemperatureC: 40 }, []],
    ['cooling down is drift too', 60, { ...good, startTemperatureC: 45, endTemperatureC: 30 }, [DRIFT]],
    ['an unknown temperature is no drift', 60, { ...good, startTemperatureC: null, endTemperatureC: 90 }, []],
    ['an unknown persistence mode is not "off"', 60, { ...good, persistenceMode: null }, []],
    ['10 samples are enough', 60, { ...good, samples: 10 }, []],
    ['9 samples are not', 60, { ...good, samples: 9 }, [FEW]],
  ] as const)('%s', ([, durationSec, gpu, warnings]) => {
    expect(measurementWarnings({ durationSec, gpu })).toEqual(warnings)
  })
})

function member(compute: string, gpuUuids: string[] | null = null): ExperimentFacts['members'][number] {
  return { session: { info: { compute, pid: 7 } }, gpuUuids }
}

/** The totals of a run inside of a worker. */
const unserved = { served: null, requests: 3, failures: 0, retries: 0 }

const CLEAN: Energy['contamination'] = { other_samplers: [], foreign_processes: [], limit_changes: [] }

describe('the warnings of an experiment', () => {
  const facts = (overrides: Partial<ExperimentFacts> = {}): ExperimentFacts => ({
    simulated: false,
    keptLoaded: false,
    energy: energy(),
    energyProblem: null,
    warmups: [],
    environment: environment(),
    baseline: null,
    breakdown: null,
    members: [member('cuda')],
    inference: { inferenceS: 60, requestsProblem: null, totals: unserved },
    ...overrides,
  })
  const onGpus = (...uuids: string[]) => uuids.map((uuid) => member('cuda', [uuid]))
  const breakdown = {
    raw_j: 100,
    adjusted_j: -20,
    baseline_power_w: 2,
    baseline_method: 'fresh' as const,
    baseline_timestamp: null,
    baseline_cache_age_sec: 0,
  }
  const onDevice = (overrides: Parameters<typeof deviceEnergy>[0]) =>
    facts({ energy: energy({ devices: [deviceEnergy(overrides)] }) })

  it.for([
    ['are none where all is well', facts(), []],
    [
      'are about the time of the inference where there is no energy',
      facts({ energy: null, inference: { inferenceS: 3, requestsProblem: null, totals: unserved } }),
      [SHORT],
    ],
    [
      'flag a negative adjusted energy',
      facts({ breakdown }),
      [
        'adjusted_energy_negative: the baseline is higher than the measured power. Measure the baseline again on an idle GPU.',
      ],
    ],
    [
      'tell of a gap',
      onDevice({ gap_s: 2.25 }),
      ['sample_gap: 2.3s of the measurement on GPU 0 have no power readings.'],
    ],
    ['let short gaps pass', onDevice({ gap_s: 0.5 }), []],
    [
      'tell where the estimators disagree',
      onDevice({ method: 'integral', residual_flagged: true, reason: 'the integral differs' }),
      ['estimators_disagree: GPU 0: the integral differs.'],
    ],
    [
      'tell so too where the counter is trusted against the readings',
      onDevice({ method: 'counter', residual_flagged: true, reason: 'the integral differs' }),
      ['estimators_disagree: GPU 0: the integral differs.'],
    ],
    [
      'tell of a counter that a steady load speaks against',
      onDevice({ method: 'integral', counter_trust: 'distrusted', reason: 'it is not trusted' }),
      ['estimators_disagree: GPU 0: it is not trusted.'],
    ],
    [
      'do not call too few changes of the counter a disagreement',
      onDevice({ method: 'integral', residual_pct: 0.01 }),
      [],
    ],
    [
      'tell of a counter that does not move',
      onDevice({ method: 'integral', counter_raw_j: 0, residual_pct: null }),
      ['counter_stuck: the energy counter of GPU 0 did not move while power was drawn.'],
    ],
    [
      'say what MIG means for the numbers',
      facts({ environment: environment({ mig_mode: true }) }),
      ['mig_enabled: GPU 0 is cut into MIG instances; its power reflects the parent GPU.'],
    ],
    [
      'say that the GPU did not compute',
      facts({ members: [member('cpu')] }),
      [
        'gpu_not_used: the model ran on the CPU; the energy is that of GPUs that did not compute. Install a backend for the GPU.',
      ],
    ],
    [
      'leave that out for a simulated GPU, which never computes',
      facts({ members: [member('cpu')], simulated: true }),
      [],
    ],
    [
      'pass on what went wrong beside the readings',
      facts({ energy: energy({ faults: ['the file is gone'] }) }),
      ['recording_fault: the file is gone.'],
    ],
    [
      'name who else polled the GPUs',
      facts({
        energy: energy({
          contamination: { ...CLEAN, other_samplers: [{ pid: 7, name: 'nvtop', measured: false }] },
        }),
      }),
      [
        'other_sampler: nvtop (pid 7) polls the GPUs too, which can slow what is measured. Stop it and measure again.',
      ],
    ],
    [
      'name who else computed, and limits that were moved',
      facts({
        energy: energy({
          contamination: {
            ...CLEAN,
            foreign_processes: [
              { gpu_index: 1, pid: 7, name: 'python', relation: 'foreign' },
              { gpu_index: 0, pid: 8, name: null, relation: 'unknown' },
            ],
            limit_changes: [{ gpu_index: 0, limit: 'power_w', from: 700, to: 500 }],
          },
        }),
      }),
      [
        'foreign_process: python (pid 7) computes on GPU 1 too, and its energy is in these numbers. Stop it and measure again.',
        'foreign_process: a process (pid 8) computes on GPU 0, and from inside this container nobody can tell whose it is. Its energy is in these numbers.',
        'limit_changed: the power limit of GPU 0 was changed from 700 to 500 W while it was measured. Keep it and measure again.',
      ],
    ],
    [
      'say that the baseline was disturbed',
      facts({ baseline: { method: 'fresh', disturbances: ['python (pid 7) computes on GPU 1 too.'] } }),
      ['baseline_disturbed: while idle power was measured, python (pid 7) computes on GPU 1 too.'],
    ],
    [
      'tell why there is no energy',
      facts({
        energy: null,
        energyProblem: 'the GPU was lost',
        inference: { inferenceS: 60, requestsProblem: null, totals: unserved },
      }),
      ['energy_unknown: the GPU was lost'],
    ],
    [
      'tell of a warmup that failed, did not converge, or saw too little',
      facts({
        warmups: [
          { mode: 'failed', converged: false, final_cv: null, target_cv: 0.05 },
          { mode: 'cv', converged: false, final_cv: 0.1234, target_cv: 0.05 },
          { mode: 'cv', converged: false, final_cv: null, target_cv: 0.05 },
          { mode: 'fixed', converged: true, final_cv: 0.5, target_cv: 0.05 },
        ],
      }),
      [
        'warmup_failed: no prompt of the warmup succeeded; what was measured began cold.',
        'warmup_not_converged: the latency was not steady before the measurement (CV 0.123, target 0.05).',
        'warmup_not_converged: the latency was not steady before the measurement (too few prompts succeeded to tell).',
      ],
    ],
    [
      'say which processes share a GPU',
      facts({ members: onGpus('GPU-1', 'GPU-1') }),
      ['gpu_shared: processes 0, 1 share GPU GPU-1; its energy is counted once and is none of theirs alone.'],
    ],
    [
      'name measured GPUs that no process had',
      facts({
        energy: energy({ devices: [deviceEnergy(), deviceEnergy({ index: 1, uuid: 'GPU-2' })] }),
        members: onGpus('GPU-2'),
      }),
      [
        'gpus_not_used: no process had GPU 0, whose energy is in the total. Name the others in energy.devices.',
      ],
    ],
    [
      'say that the model of an earlier experiment was in memory while idle power was measured',
      facts({ keptLoaded: true, baseline: { method: 'fresh', disturbances: [] } }),
      [
        'baseline_model_loaded: idle power was measured with the model of an earlier experiment in memory, which idles higher.',
      ],
    ],
    [
      'are not about a baseline of before that model',
      facts({ keptLoaded: true, baseline: { method: 'cached', disturbances: [] } }),
      [],
    ],
    [
      'do not guess who polled the GPUs',
      facts({ energy: energy({ contamination: { ...CLEAN, other_samplers: null } }) }),
      [],
    ],
    [
      'do not take a server that runs out of reach for a stranger',
      facts({
        members: [{ session: { info: { compute: 'server', pid: null } }, gpuUuids: null }],
        energy: energy({
          contamination: {
            ...CLEAN,
            foreign_processes: [{ gpu_index: 1, pid: 7, name: 'vllm', relation: 'foreign' }],
          },
        }),
      }),
      [
        'foreign_process: vllm (pid 7) computes on GPU 1. Either it is the server, or its energy is in these numbers too.',
      ],
    ],
    [
      'tell of requests that were not written',
      facts({ inference: { inferenceS: 60, requestsProblem: 'ENOSPC', totals: unserved } }),
      ['requests_incomplete: requests.jsonl could not be written: ENOSPC.'],
    ],
    [
      'tell of requests that failed or were sent again',
      facts({
        inference: {
          inferenceS: 60,
          requestsProblem: null,
          totals: { ...unserved, failures: 1, retries: 2 },
        },
      }),
      [
        'requests_failed: 1 of 4 requests came to nothing; their energy is in these numbers and their tokens are not. requests.jsonl says why.',
        'requests_retried: 2 requests were sent again; the energy of the attempts that failed is in these numbers.',
      ],
    ],
  ] as const)('%s', ([, given, warnings]) => {
    expect(warningsOf(given)).toEqual(warnings)
  })

  it('say each text once, however many GPUs it is about', () => {
    const devices = [deviceEnergy({ readings: 3 }), deviceEnergy({ index: 1, uuid: 'GPU-2', readings: 3 })]
    expect(warningsOf(facts({ energy: energy({ devices, duration_sec: 1 }) }))).toEqual([SHORT, FEW])
  })
})
