import type { PythonPackage } from '../../python/packages.js'

/**
 * What `llem backend install pytorch` installs. accelerate spreads a model over devices and is what bitsandbytes needs;
 * bitsandbytes, peft and flash-attn are left to who wants them. Which build of torch comes is pip's own choice: by
 * default one with CUDA on x86_64, which computes on the CPU as well.
 */
export const PYTORCH_PACKAGE: PythonPackage = {
  requirements: ['torch==2.13.0', 'transformers==5.23.0', 'accelerate==1.15.0'],
  version: '2.13.0',
  size: '1 GB, 5 GB with CUDA',
}

/** Names an installation; another release of any of them is another one. */
export const PYTORCH_INSTALL = 'torch-2.13.0-transformers-5.23.0'
