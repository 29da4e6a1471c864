import { simulate } from '../native/simulation.js'

export interface LibraryChoice {
  /** The management library; undefined: the driver's own. */
  libraryPath: string | undefined
  simulated: boolean
}

/**
 * Which management library to load: the simulated one for `--simulate`, the one that LLEM_NVML_LIBRARY names, or
 * the driver's own.
 */
export function chooseLibrary(option: string | boolean | undefined): LibraryChoice {
  if (option === undefined || option === false) {
    return { libraryPath: process.env.LLEM_NVML_LIBRARY || undefined, simulated: false }
  }
  return { libraryPath: simulate(option === true ? undefined : option), simulated: true }
}
