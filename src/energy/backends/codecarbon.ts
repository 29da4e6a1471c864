import type { PythonPackage } from '../../python/packages.js'
import { PythonBackend } from '../python/python-backend.js'
import type { EnergyBackendKind } from './backend.js'

const PACKAGE: PythonPackage = {
  requirements: ['codecarbon==3.3.2', 'nvidia-ml-py==13.615.71'],
  version: '3.3.2',
  size: '290 MB',
}

/**
 * CodeCarbon (https://codecarbon.io): the difference of the GPUs' energy counters, and for CPU and RAM RAPL or an estimate
 * from their size and load, which stay apart. Where no GPU is found, its number for the CPU is what there is.
 */
export const codecarbon: EnergyBackendKind = {
  name: 'codecarbon',
  python: PACKAGE,
  create: (surroundings) => {
    const { country, intensity_gco2_kwh } = surroundings.options
    return new PythonBackend('codecarbon', PACKAGE, { country, intensity_gco2_kwh }, surroundings, {
      hasCpu: true,
    })
  },
}
