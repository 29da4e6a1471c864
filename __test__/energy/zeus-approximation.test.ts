import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { openMeter } from '../../dist/energy/meter.js'
import { simulate } from '../../dist/native/simulation.js'
import { gpu, nowNs, scenarioFile } from '../native/scenario.js'
import { installReal, wishes } from './python-backends.js'

// Installing takes half a minute, once.
vi.setConfig({ testTimeout: 600_000 })

it.for([
  { what: 'is 0 without energy.approx_instant_energy', approx_instant_energy: false, powerW: 0 },
  { what: 'is estimated from the power with it', approx_instant_energy: true, powerW: 300 },
])(
  'what Zeus measures in a window without a tick $what',
  async ({ approx_instant_energy, powerW }, context) => {
    const missing = await installReal('zeus')
    if (missing !== null) context.skip(missing)
    const slow = gpu(0, [{ for_s: 1, w: 300 }], { counter: { update_period_ms: 600_000 } })
    const libraryPath = simulate(scenarioFile([slow], nowNs()))
    const options = { approx_instant_energy, country: null, intensity_gco2_kwh: null }
    const meter = await openMeter(wishes({ backend: 'zeus', libraryPath, options }))
    const window = await meter.begin()
    await sleep(1000)
    const { total_j, duration_sec, cross_check } = await window.end()
    await meter.close()
    expect(Number(total_j) / duration_sec / 100).toBeCloseTo(powerW / 100, 1)
    // llem's own sampler has seen 300 W all the time.
    expect(Number(cross_check?.over_backend_window_j) / duration_sec / 100).toBeCloseTo(3, 1)
  },
)
