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
      ['rapl', expect.stringMatching(/^this machine has no RAPL zones/)],
      ['codecarbon', 'codecarbon is not installed'],
    ])
  })
})

describe('a machine without a GPU', () => {
  const libraryPath = '/nowhere/libnvidia-ml.so.1'
  const measured = async (backend: 'auto' | 'codecarbon') => {
    const meter = await openMeter(wishes({ backend, python: fakeHelper, libraryPath, simulated: false }))
    const energy = await (await meter.begin()).end()
    await meter.close()
    return energy
  }

  it.for(['auto', 'codecarbon'] as const)(
    'has the energy of the CPU by CodeCarbon with %s, and says in each place whose it is',
    async (backend) => {
      const energy = await measured(backend)
      expect(energy).toMatchObject({
        ...{ backend: 'codecarbon', domain: 'cpu', total_j: 42, method: null, uncertainty_j: null },
        reason: 'nothing reads a GPU here; it is the energy of the CPU by codecarbon 0.0.0 (an estimate)',
        devices: [],
        selection: { requested: backend, chosen: 'codecarbon' },
      })
      expect(energy.findings.map(({ code }) => code)).toContain('energy_of_cpu')
    },
  )

  it('has none with Zeus, which measures GPUs', async () => {
    const zeus = wishes({ backend: 'zeus', python: fakeHelper, libraryPath, simulated: false })
    await expect(openMeter(zeus)).rejects.toMatchObject({ code: 'ENERGY_BACKEND_UNAVAILABLE' })
  })
})
