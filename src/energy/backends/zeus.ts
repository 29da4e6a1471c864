import type { PythonPackage } from '../../python/packages.js'
import { PythonBackend } from '../python/python-backend.js'
import type { EnergyBackendKind } from './backend.js'

const PACKAGE: PythonPackage = {
  // Not zeus-ml, its abandoned predecessor.
  requirements: ['zeus==0.16.0', 'nvidia-ml-py==13.615.71'],
  version: '0.16.0',
  size: '420 MB',
}

/**
 * Zeus (https://ml.energy/zeus): ZeusMonitor, the plain difference of the driver's energy counter, without a correction
 * at the edges; CPU and DRAM by RAPL where it may read them.
 */
export const zeus: EnergyBackendKind = {
  name: 'zeus',
  python: PACKAGE,
  create: (surroundings) => {
    const { approx_instant_energy } = surroundings.options
    return new PythonBackend('zeus', PACKAGE, { approx_instant_energy }, surroundings)
  },
}
