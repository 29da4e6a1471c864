// The real Zeus and CodeCarbon, installed once into .cache/test as `llem backend install` installs them.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EnergyBackendName } from '../../dist/core/energy-backends.js'
import { energyBackend } from '../../dist/energy/backends/registry.js'
import type { MeterWishes } from '../../dist/energy/meter.js'
import { installPythonBackend } from '../../dist/energy/python/install.js'
import { quickDataDir } from '../backends/quick-llamacpp.js'

/** Of its own: with Zeus in the data folder of the other tests, `auto` would measure all of them with it. */
export const energyDataHome = fileURLToPath(new URL('../../.cache/test/energy-data', import.meta.url))
export const energyDataDir = join(energyDataHome, 'llem')

/** Installs a package where it is not; answers why that is impossible, or null. Half a minute the first time. */
export async function installReal(name: EnergyBackendName): Promise<string | null> {
  const { python } = energyBackend(name)
  if (python === null) throw new Error(`${name} is no Python package`)
  for (const place of [energyDataDir, join(quickDataDir, 'backends')]) mkdirSync(place, { recursive: true })
  const runners = join(energyDataDir, 'backends')
  if (!existsSync(runners)) symlinkSync(join(quickDataDir, 'backends'), runners)
  try {
    await installPythonBackend(name, python, { dataDir: energyDataDir, python: 'python3' })
    return null
  } catch (error) {
    return `${name} cannot be installed here: ${(error as Error).message}`
  }
}

/** A PATH on which nvidia-smi succeeds: CodeCarbon looks for GPUs by running it, and there is none for a simulated one. */
export function pathWithNvidiaSmi(): string {
  const folder = mkdtempSync(join(tmpdir(), 'llem-smi-'))
  program(join(folder, 'nvidia-smi'), '#!/bin/sh\nexit 0\n')
  return `${folder}:${process.env.PATH}`
}

/** Writes an executable file. */
export function program(path: string, text: string): string {
  writeFileSync(path, text)
  chmodSync(path, 0o755)
  return path
}

/** What a test wants of a meter, which it overrides where it matters. */
export function wishes(overrides: Partial<MeterWishes>): MeterWishes {
  return {
    backend: 'auto',
    devices: null,
    intervalMs: 10,
    slowIntervalMs: 100,
    libraryPath: undefined,
    simulated: true,
    options: { approx_instant_energy: false, country: null, intensity_gco2_kwh: null },
    python: null,
    dataDir: energyDataDir,
    ...overrides,
  }
}
