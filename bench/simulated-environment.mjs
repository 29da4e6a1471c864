import { SIMULATED_LIBRARY } from './folders.mjs'

/** The environment of a process that is to see the simulated GPUs of a scenario, all of them. */
export function simulatedEnvironment(scenarioPath) {
  const { CUDA_VISIBLE_DEVICES: _, ...inherited } = process.env
  return { ...inherited, LD_LIBRARY_PATH: SIMULATED_LIBRARY, LLEM_NVML_SIM: scenarioPath }
}
