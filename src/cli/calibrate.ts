// llem calibrate: each GPU in turn is asked what it can measure, and the answer is kept for later runs.

import { existsSync } from 'node:fs'
import { type CalibrateOptions, calibrateDevice } from '../calibration/calibrate-device.js'
import { type MeterOptions, readMeterFile } from '../calibration/meter-file.js'
import { LlemError, messageOf } from '../core/errors.js'
import { maskedArguments } from '../core/secrets.js'
import { KnownDevices } from '../energy/known-devices.js'
import { chooseLibrary } from '../energy/library.js'
import { findDevices } from '../energy/open.js'
import type { Device, Machine } from '../native/addon.js'
import { isOfSysfs } from '../native/sysfs.js'
import type { Calibration, Scope } from '../results/calibration.js'
import { calibrationTables } from './calibration-tables.js'
import { EXIT, Exit } from './exit.js'
import { interruptible } from './interrupt.js'
import { terminalObserver } from './progress.js'
import { print, printJson, SIMULATED, say } from './screen.js'

export interface CalibrateFlags {
  devices?: (number | string)[]
  reference?: string
  referenceScope?: Scope
  referenceUncertainty?: number
  referenceCertificate?: string
  simulate?: string | boolean
  json?: boolean
  quiet?: boolean
  verbose?: boolean
}

interface Calibrated {
  device: Device
  calibration: Calibration
  /** The file that later runs look into; null where it could not be written. */
  path: string | null
}

/** Calibrates the GPUs one after the other. What was found is printed and kept even when it is interrupted. */
export async function calibrate(command: readonly string[], flags: CalibrateFlags): Promise<void> {
  const { quiet = false, verbose = false } = flags
  const { libraryPath } = chooseLibrary(flags.simulate)
  const {
    machine,
    devices: chosen,
    notes,
  } = await findDevices({ libraryPath, devices: flags.devices ?? null })
  if (!quiet) for (const note of notes) say(`Note: ${note}.`)
  const devices = thoseOfNvml(chosen)
  const reference = referenceOf(flags)
  if (reference !== null) await checkReference(reference, devices.length)
  const known = new KnownDevices(machine)
  const observer = terminalObserver({ quiet, verbose })
  const load = command.length === 0 ? null : command
  const calibrated: Calibrated[] = []
  const calibrateAll = async (signal: AbortSignal) => {
    const options: CalibrateOptions = { libraryPath, load, reference, observer, signal }
    for (const device of devices) {
      if (signal.aborted) break
      observer.note(`GPU ${device.index} ${device.name ?? device.uuid}`)
      const { calibration: found, error } = await calibrateDevice(device, options)
      const calibration = { ...found, load: found.load && maskedArguments(found.load) }
      calibrated.push({ device, calibration, path: await keep(known, device, calibration) })
      if (error !== null) throw error
    }
    return signal.aborted
  }
  const wasInterrupted = await interruptible(calibrateAll).finally(() => {
    // A GPU that fails takes nothing away of what was found.
    if (calibrated.length > 0) show(calibrated, machine, flags)
  })
  if (wasInterrupted) throw new Exit(EXIT.interrupted)
  if (load !== null) failWhereTheLoadFailed(calibrated)
  if (reference !== null) failWithoutReference(calibrated)
}

/** What is calibrated is how NVML answers: the others have nothing of the kind yet. */
function thoseOfNvml(devices: readonly Device[]): Device[] {
  const others = devices.filter(isOfSysfs)
  for (const { index } of others)
    say(`GPU ${index} is not calibrated: its sensors are files below /sys, not NVML's.`)
  if (others.length === devices.length)
    throw new LlemError('No GPU of this choice can be calibrated.', {
      code: 'GPU_POWER_UNSUPPORTED',
      hint: 'llem calibrates GPUs of NVIDIA.',
      kind: 'usage',
    })
  return devices.filter((device) => !isOfSysfs(device))
}

function referenceOf(flags: CalibrateFlags): MeterOptions | null {
  const { reference, referenceScope, referenceUncertainty, referenceCertificate } = flags
  if (reference === undefined) return null
  return {
    path: reference,
    ...(referenceScope === undefined ? {} : { scope: referenceScope }),
    ...(referenceUncertainty === undefined ? {} : { standardUncertaintyPct: referenceUncertainty }),
    ...(referenceCertificate === undefined ? {} : { certificate: referenceCertificate }),
  }
}

/** What is wrong with it is better told before the minutes of measuring; it may be there only later. */
async function checkReference(reference: MeterOptions, devices: number): Promise<void> {
  if (devices !== 1) {
    throw new LlemError(`A meter is compared with one GPU, and there are ${devices}.`, {
      code: 'REFERENCE_INVALID',
      hint: 'Name the GPU that it measures, or that works alone, with --devices.',
      kind: 'usage',
    })
  }
  if (existsSync(reference.path)) await readMeterFile(reference, { hasBegun: true })
  else say(`Note: ${reference.path} is not there yet; it is read when the load has ended.`)
}

/** Everything else was measured, shown and kept. */
function failWithoutReference(calibrated: readonly Calibrated[]): void {
  const failed = calibrated.find(({ calibration }) => calibration.reference === null)
  if (failed === undefined) return
  throw new LlemError(`The meter tells nothing of the GPU: ${failed.calibration.reference_reason}.`, {
    code: 'REFERENCE_FAILED',
    hint: 'The meter has to write while llem calibrates, and the load has to hold levels of power for some seconds.',
  })
}

/** What cannot be kept is shown all the same. */
async function keep(known: KnownDevices, device: Device, calibration: Calibration): Promise<string | null> {
  try {
    return await known.keep(device, calibration)
  } catch (error) {
    say(`Warning: the calibration could not be kept: ${messageOf(error)}`)
    return null
  }
}

function show(
  calibrated: readonly Calibrated[],
  { simulated, driverVersion }: Machine,
  { json, quiet }: CalibrateFlags,
): void {
  if (json) {
    printJson({
      kind: 'calibration',
      simulated,
      driver_version: driverVersion ?? null,
      devices: calibrated.map(({ device, calibration, path }) => ({
        index: device.index,
        uuid: device.uuid,
        name: device.name ?? null,
        kept_in: path,
        ...calibration,
      })),
    })
    return
  }
  if (simulated) say(SIMULATED)
  for (const { device, calibration, path } of calibrated) {
    print(`GPU ${device.index} ${device.name ?? device.uuid}\n${calibrationTables(calibration)}`)
    if (path !== null && !quiet) say(`Kept for later runs in ${path}`)
  }
}

/** Everything else was measured, shown and kept; who named a load has to know that it did not work. */
function failWhereTheLoadFailed(calibrated: readonly Calibrated[]): void {
  const failed = calibrated.find(({ calibration }) => calibration.load === null)
  if (failed === undefined) return
  throw new LlemError(`There is no averaging window: ${failed.calibration.averaging_window_reason}.`, {
    code: 'LOAD_FAILED',
    hint: 'A load prints {"t_ns": <CLOCK_MONOTONIC>, "on": true | false} at each edge; without one llem starts its own.',
  })
}
