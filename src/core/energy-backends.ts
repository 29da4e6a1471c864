/** Every energy backend: what `energy.backend` may name, besides `auto` and null, and what a result may name. */
export const ENERGY_BACKENDS = ['nvml', 'zeus', 'rapl', 'codecarbon'] as const
export type EnergyBackendName = (typeof ENERGY_BACKENDS)[number]
