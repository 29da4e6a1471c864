import type { SensorReport } from '../native/addon.js'
import { SENSOR_KINDS, type SensorEnergy } from '../results/energy.js'

/** What the sensors of no GPU counted, in the words of result.json. */
export function sensorEnergiesOf(reports: readonly SensorReport[]): SensorEnergy[] {
  return reports.map((report) => ({
    sensor: report.sensor,
    kind: SENSOR_KINDS.find((kind) => kind === report.kind) ?? 'other',
    source: report.source,
    energy_j: report.energyJ ?? null,
    uncertainty_j: report.uncertaintyJ ?? null,
    mean_power_w: report.meanPowerW ?? null,
    update_period_ms: report.updatePeriodMs ?? null,
    reason: report.reason,
    met_hardware: false,
  }))
}
