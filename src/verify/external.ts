// The joules of external meters against the readings that are kept of them.

import { join } from 'node:path'
import { limitedFile } from '../core/limited.js'
import { LIMITS } from '../core/limits.js'
import { withAccuracy } from '../energy/external/external-meter.js'
import type { Reading } from '../energy/external/protocol.js'
import { WindowIntegral } from '../energy/external/window-integral.js'
import type { Energy } from '../results/energy.js'
import type { ExternalEnergy } from '../results/external.js'
import { type Check, check } from './check.js'

/** A file of a result's folder, whoever wrote the result. */
const FILE = /^external-[\w.-]+\.jsonl$/

/** What the files of the external meters say of their joules, by the same code that made them. */
export async function checksOfExternal(dir: string, { external }: Energy): Promise<Check[]> {
  const checks: Check[] = []
  for (const [position, meter] of external.entries()) {
    const path = `energy.external[${position}]`
    const { readings_path: file, quantity, energy_j } = meter
    if (file === null || quantity === null) {
      // A result in a folder has its readings beside it; joules without any are by nothing.
      if (energy_j !== null) checks.push(check(`${path}.energy_j`, 'no readings', energy_j, null))
      continue
    }
    const readings = FILE.test(file) ? await readingsOf(join(dir, file), quantity) : null
    if (readings === null) checks.push(check(`${path}.readings_path`, file, file, null))
    else checks.push(...recomputed(path, file, meter, readings))
  }
  return checks
}

function recomputed(
  path: string,
  file: string,
  meter: ExternalEnergy,
  readings: readonly Reading[],
): Check[] {
  const { window, quantity, prints_new_only, means, times, accuracy_pct, reason } = meter
  const integral = new WindowIntegral({
    quantity: quantity ?? 'power',
    startNs: window.start_ns,
    printsNewOnly: prints_new_only,
    isMeans: means,
    isStampedHere: times === 'arrival',
  })
  integral.end(window.end_ns)
  for (const reading of readings) integral.push(reading)
  const again = integral.result()
  // A meter that died has joules by no reading.
  const isKnown = reason === null
  const told: [name: string, stored: number | null, recomputed: number | null][] = [
    ['energy_j', meter.energy_j, isKnown ? again.energyJ : null],
    [
      'uncertainty_j',
      meter.uncertainty_j,
      isKnown ? withAccuracy(again.energyJ, again.uncertaintyJ, accuracy_pct) : null,
    ],
    ['mean_power_w', meter.mean_power_w, isKnown ? again.meanPowerW : null],
    ['coverage', meter.coverage, again.coverage],
    ['readings', meter.readings, again.readings],
    ['updates', meter.updates, again.updates],
    ['update_period_ms', meter.update_period_ms, again.updatePeriodMs],
  ]
  return told.map(([name, stored, recomputed]) => check(`${path}.${name}`, file, stored, recomputed))
}

/** Null where the file is gone or damaged. */
async function readingsOf(path: string, quantity: 'power' | 'energy'): Promise<Reading[] | null> {
  try {
    const text = await limitedFile(path, LIMITS.meter_file_bytes)
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const { t_ns: tNs, [quantity === 'power' ? 'w' : 'j']: value } = JSON.parse(line)
        if (typeof tNs !== 'number' || typeof value !== 'number') throw new Error('no reading')
        return { tNs, value }
      })
  } catch {
    return null
  }
}
