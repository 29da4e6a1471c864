import { simulate } from '../native/simulation.js'

export interface LibraryChoice {
  /** The management library; undefined: the driver's own. */
  libraryPath: string | undefined
  simulated: boolean
}

/**
 * Which management library to load: the simulated one (true for its built-in GPU, or the path of a scenario), the
 * one that LLEM_NVML_LIBRARY names, or the driver's own.
 */
export function chooseLibrary(simulation: string | boolean = false): LibraryChoice {
  if (simulation === false) {
    return { libraryPath: process.env.LLEM_NVML_LIBRARY || undefined, simulated: false }
  }
  return { libraryPath: simulate(simulation === true ? undefined : simulation), simulated: true }
}
