import { describe, expect, it } from 'vitest'
import { findingsOf } from '../../dist/energy/findings.js'
import { type ExperimentFacts, findingsOfExperiment } from '../../dist/experiment/warnings.js'
import { energyBreakdownSchema } from '../../dist/results/breakdown.js'
import { warningLines } from '../../dist/results/findings.js'
import { deviceEnergy, energy } from './findings.js'

const SHORT =
  'short_measurement_duration: measurement < 10s; energy values may be unreliable. Use more prompts or longer sequences.'

function member(compute: string, gpuUuids: string[] | null = null): ExperimentFacts['members'][number] {
  return { session: { info: { compute, pid: 7 } }, gpuUuids }
}

/** The totals of a run inside of a worker. */
const unserved = { served: null, requests: 3, failures: 0, retries: 0 }

describe('the warnings of an experiment', () => {
  const facts = (overrides: Partial<ExperimentFacts> = {}): ExperimentFacts => ({
    simulated: false,
    keptLoaded: false,
    energy: energy(),
    energyProblem: null,
    warmups: [],
    baseline: null,
    breakdown: null,
    members: [member('cuda')],
    inference: { inferenceS: 60, requestsProblem: null, totals: unserved },
    ...overrides,
  })
  const onGpus = (...uuids: string[]) => uuids.map((uuid) => member('cuda', [uuid]))
  const breakdown = energyBreakdownSchema.parse({
    raw_j: 100,
    adjusted_j: -20,
    baseline_power_w: 2,
    baseline_method: 'fresh' as const,
    baseline_timestamp: null,
    baseline_cache_age_sec: 0,
  })
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
      'say that a server had the model in memory while idle power was measured',
      facts({ baseline: { method: 'fresh', disturbances: [], serverRuns: true } }),
      [
        'baseline_model_loaded: idle power was measured with the model in the memory of a server that ran before llem did. Run `llem baseline measure` before the server is started.',
      ],
    ],
    [
      'are not about a baseline of before that model',
      facts({ keptLoaded: true, baseline: { method: 'cached', disturbances: [] } }),
      [],
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
    expect(warningLines(findingsOfExperiment(given))).toEqual(warnings)
  })

  it('begin with those of its measurement, each text once and all with their GPUs', () => {
    const few = { code: 'nvml_low_sample_count', severity: 'warning' as const, text: 'few.' }
    const devices = [0, 1].map((index) => deviceEnergy({ index, uuid: `GPU-${index}`, findings: [few] }))
    const measured = energy({ devices, duration_sec: 1 })
    const findings = findingsOfExperiment(
      facts({ energy: { ...measured, findings: findingsOf(measured) }, members: [member('cpu')] }),
    )
    expect(findings).toMatchObject([
      { code: 'short_measurement_duration', devices: [], count: 1 },
      { ...few, devices: [0, 1], count: 2 },
      { code: 'gpu_not_used' },
    ])
    expect(warningLines(findings)).toEqual([SHORT, 'nvml_low_sample_count: few.', expect.any(String)])
  })

  it('do not count as warnings what is only to be known', () => {
    const info = { code: 'delay_not_known', severity: 'info' as const, text: 'yet.', devices: [0], count: 1 }
    const findings = findingsOfExperiment(facts({ energy: energy({ findings: [info] }) }))
    expect(findings).toEqual([info])
    expect(warningLines(findings)).toEqual([])
  })
})
