import { describe, expect, it } from 'vitest'
import { findingsOfExternal } from '../../dist/energy/external/layers.js'
import type { ExternalEnergy } from '../../dist/results/external.js'
import { energy } from '../experiment/findings.js'

const meter = (
  scope: ExternalEnergy['scope'],
  energy_j: number | null,
  rest: Partial<ExternalEnergy> = {},
): ExternalEnergy => ({
  ...{ name: `a-${scope}`, scope, command: ['meter'], quantity: 'power', energy_j, uncertainty_j: 100 },
  ...{
    accuracy_pct: null,
    mean_power_w: null,
    coverage: 1,
    readings: 60,
    updates: 60,
    update_period_ms: 1000,
  },
  ...{ times: 'meter', prints_new_only: false, means: true, bad_lines: 0, bad_line_reason: null },
  ...{
    window: { start_ns: 0, end_ns: 60e9 },
    reason: energy_j === null ? 'it died' : null,
    readings_path: null,
  },
  ...rest,
})

/** GPUs with 6000 J +- 300 J, a CPU with 1000 J and its memory with 200 J. */
const window = (...external: ExternalEnergy[]) =>
  energy({
    ...{ total_j: 6000, absolute_uncertainty_j: 300, external },
    cpu: { package_j: 1000, dram_j: 200, reason: null, domains: [] },
  })

const texts = (...external: ExternalEnergy[]) =>
  findingsOfExternal(window(...external)).map(({ code, text }) => `${code}: ${text}`)

describe('wall, node, module and GPUs', () => {
  it('are each at least the next, of which nothing is said', () => {
    expect(texts(meter('wall', 9000), meter('node', 8500), meter('module', 7000))).toEqual([])
    expect(texts()).toEqual([])
  })

  it('are within their uncertainties where they are a little less', () => {
    expect(texts(meter('wall', 8400), meter('node', 8500), meter('module', 5900))).toEqual([])
  })

  it('are a contradiction beyond both of them, which says which', () => {
    expect(texts(meter('wall', 8000), meter('node', 8500))).toEqual([
      'layers_contradict: the wall (a-wall) used 8000 J +- 100 J, less than the node (a-node) in it: 8500 J +- 100 J.',
    ])
    expect(texts(meter('node', 5000))).toEqual([
      'layers_contradict: the node (a-node) used 5000 J +- 100 J, less than the GPU, the CPU and the memory in it: 7200 J +- 300 J.',
    ])
    expect(texts(meter('module', 5500))).toEqual([
      'layers_contradict: the module (a-module) used 5500 J +- 100 J, less than the GPU in it: 6000 J +- 300 J.',
    ])
  })

  it('are held against every layer within', () => {
    expect(texts(meter('wall', 1000), meter('node', 9000), meter('module', 7000))).toHaveLength(3)
  })

  it('say nothing of what is unknown', () => {
    const unknown = energy({ total_j: null, external: [meter('node', 10)] })
    expect(
      findingsOfExternal({ ...unknown, cpu: { package_j: null, dram_j: null, reason: 'none', domains: [] } }),
    ).toEqual([])
    expect(texts(meter('wall', null), meter('node', 8500))).toEqual([
      'external_meter_silent: the energy of the wall by a-wall is unknown: it died.',
    ])
  })

  it('say so where moments are so even that a load in step with them is not seen', () => {
    const moments = { ...meter('node', 8500), means: false, uncertainty_j: 0.03 * 8500 }
    expect(texts(moments)).toEqual([
      expect.stringMatching(
        /^readings_may_be_in_step: the node by a-node .* more than the 3 % that are counted\.$/,
      ),
    ])
    expect(texts({ ...moments, uncertainty_j: 400 })).toEqual([])
  })
})
