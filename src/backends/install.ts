import type { InstallOptions, InstallResult } from './backend.js'
import { findBackend } from './registry.js'

/** Installs an inference backend's libraries into llem's data folder. Throws BACKEND_UNKNOWN and what the backend throws. */
export async function installBackend(name: string, options: InstallOptions): Promise<InstallResult> {
  return findBackend(name).install(options)
}
