import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openMeter } from '../../dist/energy/meter.js'
import { simulate } from '../../dist/native/simulation.js'
import { gpu, nowNs, scenarioFile, scratchFolder } from '../native/scenario.js'
import { wishes } from './python-backends.js'

const fakeHelper = fileURLToPath(new URL('fake-helper.mjs', import.meta.url))

describe('a GPU whose power and energy llem cannot read', () => {
  const faults = ['power', 'fields', 'energy'].map((call) => ({
    from_s: 0,
    to_s: 1e6,
    call,
    error: 'not_supported',
  }))
  const libraryPath = simulate(scenarioFile([gpu(0, [{ for_s: 1, w: 300 }], { faults })], nowNs()))

  it('is measured by a backend that can, and what only llem would have seen is unknown', async () => {
    const meter = await openMeter(
      wishes({ backend: 'zeus', python: fakeHelper, libraryPath, simulated: false }),
    )
    expect(meter.opened).toBeNull()
    const energy = await (await meter.begin()).end()
    await meter.close()
    expect(energy).toMatchObject({
      backend: 'zeus',
      sampler: null,
      devices: [],
      integral_j: null,
      uncertainty_j: null,
      cross_check: null,
      selection: { chosen: 'zeus' },
    })
  })

  it('leaves auto without a backend where no other is installed', async () => {
    const dataDir = scratchFolder()
    const meter = await openMeter(wishes({ dataDir, libraryPath, simulated: false }))
    await meter.close()
    expect(meter.backend).toBeNull()
    expect(meter.selection?.tried.map(({ backend, reason }) => [backend, reason])).toEqual([
      ['nvml', expect.stringMatching(/power/)],
      ['zeus', 'zeus is not installed'],
      ['codecarbon', 'codecarbon is not installed'],
    ])
  })
})
