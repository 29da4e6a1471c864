import { messageOf } from '../core/errors.js'
import type { SensorReport } from '../native/addon.js'
import type { Sampler } from '../native/sampler.js'
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

/** What sensors of no GPU counted, and what went wrong. */
export interface SensorsCounted {
  sensors: SensorEnergy[]
  faults: string[]
}

/** A window over them beside one of something else. End it once, or cancel it. */
export interface SensorWindow {
  /** Always resolves. */
  end(): Promise<SensorsCounted>
  cancel(): void
}

/** Opens a window over sensors that are read alone now. Throws what {@link Sampler.beginWindow} throws. */
export function beginSensorWindow(sampler: Sampler): SensorWindow {
  const window = sampler.beginWindow()
  return {
    end: () =>
      window.end().then(
        (report) => ({ sensors: sensorEnergiesOf(report.sensors), faults: report.faults }),
        (error: unknown) => ({ sensors: [], faults: [`the sensors of no GPU: ${messageOf(error)}`] }),
      ),
    cancel: () => window.cancel(),
  }
}
