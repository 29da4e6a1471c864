// What to say of how a backend was chosen.

import type { Selection } from '../results/energy.js'

/** The backends that were passed over and why, for a sentence of its own; empty where none was. */
export function describePassedOver({ tried }: Selection): string {
  const passedOver = tried.filter(({ available }) => !available)
  return passedOver.map(({ backend, reason }) => `${backend} (${reason})`).join(', ')
}

/** A warning's words about a backend that was chosen and failed in the window. */
export function describeFailedBackend({ chosen, failure }: Selection): string {
  return `${chosen} failed in the measurement, the energy is that of llem's own sampler: ${failure}`
}
