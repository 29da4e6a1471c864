// What llem found out about a GPU under a driver, kept for later runs: when its sensor publishes, and whether its
// energy counter was right on a steady load. `llem calibrate` writes here too.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { contentHash } from '../core/identity.js'
import { dataDir } from '../core/paths.js'
import type { Device, DeviceReport, KnownDevice, Machine } from '../native/addon.js'
import { scenarioText } from '../native/simulation.js'
import { type Calibration, calibrationSchema } from '../results/calibration.js'
import { makeFolder, writeJsonAtomically } from '../results/files.js'

const counterTestSchema = z.object({
  trusted: z.boolean(),
  /** (readings - counter) / counter on a steady load. */
  residual_pct: z.number(),
  /** The lowest power at which the counter agreed; null where it did not. */
  agreed_w: z.number().nullable(),
  tested_at: z.iso.datetime(),
})

// The phase is not here: sensors begin to count when the driver is loaded, and every window finds its own.
const knownSchema = z.object({
  uuid: z.string(),
  driver: z.string(),
  /** Time between two values of the power sensor. */
  update_period_ms: z.number().positive().nullable(),
  /** The time that a value is the mean of; only a calibration finds it. */
  window_ms: z.number().positive().nullable(),
  /** How old that time is when the value appears; only a calibration finds it. */
  delay_ms: z.number().nonnegative().nullable().default(null),
  counter_test: counterTestSchema.nullable(),
  /** The latest, unless that was interrupted and an earlier one was not. */
  calibration: calibrationSchema.nullable().default(null),
})

type Known = z.infer<typeof knownSchema>

/** A period that moved by less than this share is the same. */
const SAME_PERIOD = 0.01

/** The devices of a driver, and what is known of each. */
export class KnownDevices {
  readonly #driver: string

  constructor(machine: Machine) {
    const driver = machine.driverVersion ?? 'unknown'
    // A simulated GPU is another one with each scenario.
    this.#driver = machine.simulated ? `${driver} simulated ${contentHash(scenarioText())}` : driver
  }

  /** What the sampler should know beforehand; nothing where nothing is known or the file is damaged. */
  async recall(device: Device): Promise<KnownDevice> {
    const known = await this.#read(device.uuid)
    if (known === null) return {}
    const { update_period_ms, window_ms, delay_ms, counter_test } = known
    return {
      ...(update_period_ms === null ? {} : { updatePeriodMs: update_period_ms }),
      ...(window_ms === null ? {} : { windowMs: window_ms }),
      ...(delay_ms === null ? {} : { delayMs: delay_ms }),
      ...(counter_test === null
        ? {}
        : {
            counterTest: {
              trusted: counter_test.trusted,
              residualPct: counter_test.residual_pct,
              ...(counter_test.agreed_w === null ? {} : { agreedW: counter_test.agreed_w }),
            },
          }),
    }
  }

  /** Keeps what a window showed, where it is news. */
  async learn(device: Device, { sensor, counterTest }: DeviceReport): Promise<void> {
    const before = await this.#read(device.uuid)
    const known = before?.counter_test ?? null
    const period = sensor.updatePeriodMs ?? before?.update_period_ms ?? null
    const isSameTest = counterTest === undefined || known?.trusted === counterTest.trusted
    if (before !== null && isSameTest && isSamePeriod(before.update_period_ms, period)) return
    if (counterTest === undefined && period === null) return
    await this.#write({
      uuid: device.uuid,
      driver: this.#driver,
      update_period_ms: period,
      window_ms: before?.window_ms ?? null,
      delay_ms: before?.delay_ms ?? null,
      counter_test:
        counterTest === undefined
          ? known
          : {
              trusted: counterTest.trusted,
              residual_pct: counterTest.residualPct,
              agreed_w: counterTest.agreedW ?? null,
              tested_at: new Date().toISOString(),
            },
      calibration: before?.calibration ?? null,
    })
  }

  /** What is known of a device's power sensor, in the words of what is on disk; null is what is not. */
  async sensorOf(device: Device): Promise<Pick<Known, 'update_period_ms' | 'window_ms' | 'delay_ms'>> {
    const known = await this.#read(device.uuid)
    return {
      update_period_ms: known?.update_period_ms ?? null,
      window_ms: known?.window_ms ?? null,
      delay_ms: known?.delay_ms ?? null,
    }
  }

  /** The calibration of a device; null where there was none under this driver. */
  async calibrationOf(device: Device): Promise<Calibration | null> {
    return (await this.#read(device.uuid))?.calibration ?? null
  }

  /** Keeps a calibration. What it did not find stays as it was known before; answers where it is kept. */
  async keep(device: Device, calibration: Calibration): Promise<string> {
    const before = await this.#read(device.uuid)
    const isWorse = calibration.interrupted && before?.calibration?.interrupted === false
    await this.#write({
      uuid: device.uuid,
      driver: this.#driver,
      update_period_ms: calibration.update_period_ms ?? before?.update_period_ms ?? null,
      window_ms: calibration.averaging_window?.window_ms ?? before?.window_ms ?? null,
      delay_ms: delayIn(calibration) ?? before?.delay_ms ?? null,
      counter_test: testIn(calibration) ?? before?.counter_test ?? null,
      calibration: isWorse ? (before?.calibration ?? null) : calibration,
    })
    return this.#pathOf(device.uuid)
  }

  async #read(uuid: string): Promise<Known | null> {
    try {
      return knownSchema.parse(JSON.parse(await readFile(this.#pathOf(uuid), 'utf8')))
    } catch {
      // Absent or damaged is the same here: it is found out again.
      return null
    }
  }

  async #write(known: Known): Promise<void> {
    makeFolder(join(dataDir(), 'devices'))
    await writeJsonAtomically(this.#pathOf(known.uuid), known)
  }

  #pathOf(uuid: string): string {
    const key = contentHash({ uuid, driver: this.#driver })
    return join(dataDir(), 'devices', `${key.slice(0, 32)}.json`)
  }
}

/** The delay of its readings; one that came out below zero, as far as ticks can be timed, is none. */
function delayIn({ averaging_window }: Calibration): number | null {
  return averaging_window === null ? null : Math.max(0, averaging_window.delay_ms)
}

/** The verdict on its counter; null where there was none. */
function testIn({ counter, calibrated_at }: Calibration): Known['counter_test'] {
  const { trust, self_test_pct, agreed_w } = counter
  if (trust === 'unknown' || self_test_pct === null) return null
  return { trusted: trust === 'trusted', residual_pct: self_test_pct, agreed_w, tested_at: calibrated_at }
}

function isSamePeriod(before: number | null, now: number | null): boolean {
  if (before === null || now === null) return before === now
  return Math.abs(now / before - 1) <= SAME_PERIOD
}
