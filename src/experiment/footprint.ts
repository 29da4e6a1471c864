import {
  CARBON_INTENSITY_GCO2_KWH,
  CARBON_INTENSITY_SOURCE,
  type Country,
} from '../config/carbon-intensities.js'
import type { Carbon, Cost } from '../results/experiment.js'

const JOULES_PER_KWH = 3.6e6

export interface FootprintConfig {
  carbon: { intensity_gco2_kwh: number | null; country: Country | null; pue: number }
  price_per_kwh: number | null
}

/** What the GPUs' energy comes to; null where the energy, the intensity or the price is not known. */
export function footprintOf(
  energyJ: number | null,
  { carbon, price_per_kwh }: FootprintConfig,
): { carbon: Carbon | null; cost: Cost | null } {
  if (energyJ === null) return { carbon: null, cost: null }
  const energy_kwh = (energyJ / JOULES_PER_KWH) * carbon.pue
  const { pue } = carbon
  const grid = intensityOf(carbon)
  return {
    carbon: grid === null ? null : { gco2e: energy_kwh * grid.intensity_gco2_kwh, energy_kwh, pue, ...grid },
    cost:
      price_per_kwh === null
        ? null
        : { amount: energy_kwh * price_per_kwh, energy_kwh, pue, price_per_kwh, source: 'price_per_kwh' },
  }
}

function intensityOf({ intensity_gco2_kwh, country }: FootprintConfig['carbon']) {
  if (intensity_gco2_kwh !== null) return { intensity_gco2_kwh, source: 'carbon.intensity_gco2_kwh' }
  if (country === null) return null
  return {
    intensity_gco2_kwh: CARBON_INTENSITY_GCO2_KWH[country],
    source: `${country}: ${CARBON_INTENSITY_SOURCE}`,
  }
}
