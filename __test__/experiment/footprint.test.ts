import { describe, expect, it } from 'vitest'
import { footprintOf } from '../../dist/experiment/footprint.js'

const KWH_J = 3.6e6
const nowhere = { intensity_gco2_kwh: null, country: null, pue: 1 }

describe('what the energy of the GPUs comes to', () => {
  it('is the given intensity and price of each kWh, times what the building adds', () => {
    const carbon = { intensity_gco2_kwh: 100, country: null, pue: 1.2 }
    expect(footprintOf(5 * KWH_J, { carbon, price_per_kwh: 0.3 })).toEqual({
      carbon: {
        gco2e: expect.closeTo(600),
        energy_kwh: 6,
        pue: 1.2,
        intensity_gco2_kwh: 100,
        source: 'carbon.intensity_gco2_kwh',
      },
      cost: {
        amount: expect.closeTo(1.8),
        energy_kwh: 6,
        pue: 1.2,
        price_per_kwh: 0.3,
        source: 'price_per_kwh',
      },
    })
  })

  it("names the year and the source of a country's intensity", () => {
    const carbon = { intensity_gco2_kwh: null, country: 'FRA' as const, pue: 1 }
    expect(footprintOf(KWH_J, { carbon, price_per_kwh: null })).toEqual({
      carbon: {
        gco2e: 56,
        energy_kwh: 1,
        pue: 1,
        intensity_gco2_kwh: 56,
        source: 'FRA: Ember and Energy Institute by Our World in Data, 2023',
      },
      cost: null,
    })
  })

  it.each([
    ['energy', null, { carbon: { ...nowhere, country: 'FRA' as const }, price_per_kwh: 1 }],
    ['intensity and price', KWH_J, { carbon: nowhere, price_per_kwh: null }],
  ])('is unknown without %s', (_, energyJ, config) => {
    expect(footprintOf(energyJ, config)).toEqual({ carbon: null, cost: null })
  })
})
