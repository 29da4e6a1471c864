import { asLlemError, loadAddon, type Machine } from './addon.js'

/** Driver and GPUs. Throws NVML_NOT_FOUND or NVML_INIT_FAILED; a machine whose driver sees no GPU has none. */
export async function listDevices(libraryPath?: string): Promise<Machine> {
  const addon = await loadAddon()
  try {
    return addon.listDevices(libraryPath)
  } catch (error) {
    throw asLlemError(error)
  }
}

/** Now, in nanoseconds of CLOCK_MONOTONIC: the clock of every window and sample. */
export async function monotonicNs(): Promise<number> {
  return (await loadAddon()).monotonicNs()
}
