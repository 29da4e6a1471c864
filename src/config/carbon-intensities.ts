// Carbon intensity of electricity generation by country: gCO2e per kWh over the life cycle, 2023, by Ember and the Energy
// Institute, as published by Our World in Data (https://ourworldindata.org/grapher/carbon-intensity-electricity), which
// CodeCarbon 3.3.2 ships too (codecarbon/data/private_infra/global_energy_mix.json). A mean over a year and a whole
// country: what a data centre buys, and the hour, may be far from it.

/** What a number of this table rests on. */
export const CARBON_INTENSITY_SOURCE = 'Ember and Energy Institute by Our World in Data, 2023'

/** ISO 3166 code of three letters -> gCO2e per kWh. */
export const CARBON_INTENSITY_GCO2_KWH = {
  AUS: 548.7,
  AUT: 110.8,
  BEL: 138.1,
  BRA: 98.3,
  CAN: 170.0,
  CHE: 34.8,
  CHN: 582.3,
  DEU: 381.0,
  DNK: 151.7,
  ESP: 174.1,
  FIN: 79.2,
  FRA: 56.0,
  GBR: 237.6,
  IND: 713.4,
  IRL: 290.8,
  ITA: 330.7,
  JPN: 485.4,
  KOR: 430.6,
  NLD: 267.6,
  NOR: 30.1,
  POL: 661.9,
  SGP: 470.8,
  SWE: 40.7,
  USA: 369.5,
} as const

/** A country of the table. */
export type Country = keyof typeof CARBON_INTENSITY_GCO2_KWH
export const COUNTRIES = Object.keys(CARBON_INTENSITY_GCO2_KWH) as Country[]
