// llem monitor --listen: the energy of this machine as the counters of a monitoring system.

import { llemVersion } from '../core/version.js'
import type { OpenedSampler } from '../energy/open.js'
import type { Address } from '../metrics/address.js'
import { serveMetrics } from '../metrics/endpoint.js'
import { expose } from '../metrics/exposition.js'
import { familiesOf } from '../metrics/families.js'
import { fresh } from '../metrics/fresh.js'
import { EnergyTotals, measureEndToEnd } from '../metrics/totals.js'
import { interruptible } from './interrupt.js'
import { SIMULATED, say } from './screen.js'

/** Serves what is measured until Ctrl-C, or for so many seconds. Closes the sampler. */
export async function listenForScrapes(
  { sampler, machine, ...rest }: OpenedSampler,
  address: Address,
  { intervalMs, duration }: { intervalMs: number; duration?: number },
): Promise<void> {
  const totals = new EnergyTotals(sampler.devices.map(({ uuid }) => uuid))
  const told = {
    version: llemVersion(),
    driver: machine.driverVersion ?? null,
    simulated: machine.simulated,
    devices: sampler.devices,
    powerDomains: sampler.powerDomains(),
    totals,
  }
  try {
    const page = () => expose(familiesOf({ ...told, snapshot: fresh(sampler.snapshot(), intervalMs) }))
    const endpoint = await serveMetrics(address, page)
    try {
      if (machine.simulated) say(SIMULATED)
      say(`Prometheus finds the metrics at ${endpoint.url}; Ctrl-C ends.`)
      await interruptible(
        (signal) => {
          const limits = duration === undefined ? [] : [AbortSignal.timeout(duration * 1000)]
          return measureEndToEnd({ sampler, machine, ...rest }, totals, AbortSignal.any([signal, ...limits]))
        },
        { quiet: true },
      )
    } finally {
      endpoint.close()
    }
  } finally {
    sampler.close()
  }
}
