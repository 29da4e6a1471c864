import { describe, expect, it } from 'vitest'
import { basicFindings, findingsOf, findingsOfDevice, findingsOfLength } from '../../dist/energy/findings.js'
import type { Energy } from '../../dist/results/energy.js'
import { lineOf, spoken } from '../../dist/results/findings.js'
import { deviceEnergy, energy } from '../experiment/findings.js'

const SHORT =
  'short_measurement_duration: measurement < 10s; energy values may be unreliable. Use more prompts or longer sequences.'
const PERSISTENCE =
  "gpu_persistence_mode_off: power state variation may inflate measurements. Run 'nvidia-smi -pm 1' to enable persistence mode."
const DRIFT =
  'thermal_drift_detected: 15.0C change during measurement (threshold 10.0C). Increase thermal_floor_seconds or check cooling.'
const FEW =
  'nvml_low_sample_count: fewer than 10 NVML power samples collected; energy integration may be inaccurate.'

describe('the four basic findings, in the words of the contract', () => {
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
  ] as const)('%s', ([, durationSec, gpu, lines]) => {
    const ofGpu = gpu === null ? [] : basicFindings(gpu)
    expect([...findingsOfLength(durationSec), ...ofGpu].map(lineOf)).toEqual(lines)
  })
})

describe('the findings about one GPU', () => {
  const disagree = {
    code: 'estimators_disagree',
    severity: 'warning' as const,
    text: 'the integral differs.',
  }
  const setting = { persistenceMode: true, migMode: false }
  const of = (
    overrides: Parameters<typeof deviceEnergy>[0],
    byMeter = [] as (typeof disagree)[],
    gpu = setting,
  ) => findingsOfDevice(deviceEnergy(overrides), byMeter, gpu).map(lineOf)

  it('are none where all is well', () => expect(of({})).toEqual([]))

  it('tell of a gap, and let short ones pass', () => {
    expect(of({ gap_s: 2.25 })).toEqual(['sample_gap: 2.3s of the measurement have no power readings.'])
    expect(of({ gap_s: 0.5 })).toEqual([])
  })

  it('have what the meter itself found', () => {
    expect(of({}, [disagree])).toEqual(['estimators_disagree: the integral differs.'])
  })

  it('say of a counter that stands still nothing else', () => {
    expect(of({ counter_raw_j: 0 }, [disagree])).toEqual([
      'counter_stuck: the energy counter did not move while power was drawn.',
    ])
  })

  it('say what MIG means for the numbers', () => {
    expect(of({}, [], { ...setting, migMode: true })).toEqual([
      'mig_enabled: it is cut into MIG instances; its power reflects the parent GPU.',
    ])
  })
})

const CLEAN: Energy['contamination'] = { other_samplers: [], foreign_processes: [], limit_changes: [] }

describe('the findings of a measurement', () => {
  const lines = (overrides: Partial<Energy>, isServerElsewhere = false) =>
    findingsOf(energy(overrides), isServerElsewhere).map(lineOf)

  it('are none where all is well, nor where nobody could look', () => {
    expect(lines({})).toEqual([])
    expect(lines({ contamination: { ...CLEAN, other_samplers: null } })).toEqual([])
  })

  it('pass on what went wrong beside the readings', () => {
    expect(lines({ faults: ['the file is gone'] })).toEqual(['recording_fault: the file is gone.'])
  })

  it('name who else polled or computed, and limits that were moved', () => {
    const contamination: Energy['contamination'] = {
      other_samplers: [{ pid: 9, name: 'nvtop', measured: false }],
      foreign_processes: [
        { gpu_index: 1, pid: 7, name: 'python', relation: 'foreign' },
        { gpu_index: 0, pid: 8, name: null, relation: 'unknown' },
      ],
      limit_changes: [{ gpu_index: 0, limit: 'power_w', from: 700, to: 500 }],
    }
    expect(lines({ contamination })).toEqual([
      'other_sampler: nvtop (pid 9) polls the GPUs too, which can slow what is measured. Stop it and measure again.',
      'foreign_process: python (pid 7) computes on GPU 1 too, and its energy is in these numbers. Stop it and measure again.',
      'foreign_process: a process (pid 8) computes on GPU 0, and from inside this container nobody can tell whose it is. Its energy is in these numbers.',
      'limit_changed: the power limit of GPU 0 was changed from 700 to 500 W while it was measured. Keep it and measure again.',
    ])
  })

  it('do not take a server that runs out of reach for a stranger', () => {
    const foreign_processes = [{ gpu_index: 1, pid: 7, name: 'vllm', relation: 'foreign' as const }]
    expect(lines({ contamination: { ...CLEAN, foreign_processes } }, true)).toEqual([
      'foreign_process: vllm (pid 7) computes on GPU 1. Either it is the server, or its energy is in these numbers too.',
    ])
  })

  it('fold what is equal of several GPUs into one with their count, and keep what is not apart', () => {
    const gap = (text: string) => ({ code: 'sample_gap', severity: 'warning' as const, text })
    const texts = ['2.0s.', '2.0s.', '3.0s.']
    const devices = texts.map((text, index) =>
      deviceEnergy({ index, uuid: `GPU-${index}`, findings: [gap(text)] }),
    )
    const findings = findingsOf(energy({ devices }))
    expect(findings).toEqual([
      { ...gap('2.0s.'), devices: [0, 1], count: 2 },
      { ...gap('3.0s.'), devices: [2], count: 1 },
    ])
    expect(findings.map((finding) => spoken(finding, 3))).toEqual([
      'Warning: sample_gap: 2.0s. (2 GPUs)',
      'Warning: sample_gap: 3.0s. (GPU 2)',
    ])
  })
})
