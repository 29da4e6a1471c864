// Loads with known edges for `llem calibrate` over the simulated library, and how it is started.

import { fileURLToPath } from 'node:url'
import type { Calibration } from '../../dist/results/calibration.js'
import { type Ended, llem } from '../native/llem.js'
import type { Segment } from '../native/scenario.js'

/** Tells the edges of a scenario. */
const SCRIPTED_LOAD = fileURLToPath(new URL('./scripted-load.mjs', import.meta.url))
/** Before its load llem times and listens for about five seconds. */
export const IDLE_S = 5.5

export interface Calibrated {
  devices: (Calibration & { kept_in: string })[]
}

/** Idle, then square waves of these shares of the update period for as long as a calibration takes. */
export function waves(updatePeriodS: number, rounds = 2): Segment[] {
  // The slow one holds whole periods of work and of rest.
  const ratios = [7.3, 0.675, 0.76, 0.81, 1.215, 1.266, 1.35]
  const wave = (ratio: number): Segment => {
    const period_s = Math.round(ratio * updatePeriodS * 1e4) / 1e4
    const for_s = Math.ceil(2 / period_s) * period_s
    return { for_s, square: { low_w: 80, high_w: 450, period_s, duty: 0.5 } }
  }
  return [{ for_s: IDLE_S, w: 80 }, ...Array.from({ length: rounds }, () => ratios.map(wave)).flat()]
}

/** Calibrates beside a load that tells the edges of the scenario for so long. */
export function calibrateOver(
  scenario: string,
  loadS: number,
  env: NodeJS.ProcessEnv,
  options: readonly string[] = [],
): Promise<Ended> {
  const load = ['--', process.execPath, SCRIPTED_LOAD, scenario, String(loadS)]
  return llem(['calibrate', '--simulate', scenario, '--json', ...options, ...load], { env })
}

/** The one GPU that was calibrated. */
export function calibrationIn({ stdout, stderr }: Ended): Calibrated['devices'][number] {
  const [found] = stdout === '' ? [] : (JSON.parse(stdout) as Calibrated).devices
  if (found === undefined) throw new Error(`${stdout}${stderr}`)
  return found
}
