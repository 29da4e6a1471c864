import { z } from 'zod'
import { COUNTRIES } from './carbon-intensities.js'

/** `carbon`: what the joules come to in greenhouse gases. Changes nothing that is measured. */
export const carbon = z
  .strictObject({
    intensity_gco2_kwh: z.number().min(0).max(5000).nullable().default(null).meta({
      description: 'Carbon intensity of the electricity; null is that of carbon.country.',
      unit: 'gCO2e/kWh',
    }),
    country: z
      .enum(COUNTRIES)
      .nullable()
      .default(null)
      .meta({
        description: "Where the electricity comes from, for the country's mean of 2023.",
        expects: `one of ${COUNTRIES.join(', ')}, or null`,
      }),
    pue: z.number().min(1).max(5).default(1).meta({
      description: 'Power usage effectiveness: what the building uses for each kWh of the machine.',
    }),
  })
  .prefault({})
  .meta({ description: 'What the energy of the GPUs comes to in greenhouse gases.' })

/** `price_per_kwh`: what they come to in money. */
export const pricePerKwh = z.number().min(0).nullable().default(null).meta({
  description: 'Price of a kWh in any currency, for what the energy of the GPUs costs; null is unknown.',
})
