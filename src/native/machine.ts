import { printable } from '../core/printable.js'
import { asLlemError, loadAddon, type Machine, type SensorPlace } from './addon.js'
import { driverPatienceMs } from './patience.js'
import { isSimulated, scenarioRefused } from './simulation.js'
import { sysfsOfGpus } from './sysfs.js'

/**
 * Driver and GPUs, also those without NVML; a machine whose driver sees no GPU has none. Throws NVML_NOT_FOUND where there is none
 * of either kind, NVML_INIT_FAILED, NVML_SILENT, NVML_CRASHED or SCENARIO_INVALID. `patienceMs`: how long the driver may take
 * where nobody has said it (LLEM_DRIVER_PATIENCE_S).
 */
export async function listDevices(libraryPath?: string, patienceMs?: number): Promise<Machine> {
  const addon = await loadAddon()
  try {
    const machine = addon.listDevices(libraryPath, driverPatienceMs(patienceMs), sysfsOfGpus(libraryPath))
    for (const device of machine.devices) if (device.name !== undefined) device.name = printable(device.name)
    return machine
  } catch (error) {
    const known = asLlemError(error)
    throw known.code === 'NVML_INIT_FAILED' && isSimulated(libraryPath) ? scenarioRefused(error) : known
  }
}

/** The sensors below /sys that are of no GPU. */
export async function listSensors(): Promise<SensorPlace[]> {
  return (await loadAddon()).listSensors(process.env.LLEM_SYSFS_ROOT || '/sys')
}

/** Now, in nanoseconds of CLOCK_MONOTONIC: the clock of every window and sample. */
export async function monotonicNs(): Promise<number> {
  return (await loadAddon()).monotonicNs()
}
