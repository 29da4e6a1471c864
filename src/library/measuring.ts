// What llem knows of models, energy backends and measurements, for programs.

import { findBackend } from '../backends/registry.js'
import type { INFERENCE_BACKENDS } from '../config/schema.js'
import { dataDir } from '../core/paths.js'
import { basicFindings, findingsOfLength, type GpuFacts } from '../energy/findings.js'
import { chooseLibrary } from '../energy/library.js'
import { type BackendProbe, probeEnergyBackends } from '../energy/probe.js'
import type { ModelFacts } from '../models/facts.js'
import { lineOf } from '../results/findings.js'

/**
 * What a backend can tell of a model without loading it, which is what `estimateFlopsPalm` needs; null where only a loaded
 * model tells. Throws MODEL_NOT_FOUND or MODEL_UNREADABLE.
 */
export function modelFacts(
  model: string,
  backend: (typeof INFERENCE_BACKENDS)[number] = 'llamacpp',
): Promise<ModelFacts | null> {
  return findBackend(backend).checkModel(model)
}

/** What `energy.backend: auto` would choose here: the first that is available, the most certain first. */
export async function selectEnergyBackend({
  simulate,
  python = null,
}: {
  simulate?: boolean | string
  python?: string | null
} = {}): Promise<{ chosen: BackendProbe['name'] | null; backends: BackendProbe[] }> {
  const { libraryPath } = chooseLibrary(simulate)
  const backends = await probeEnergyBackends({ libraryPath, python, dataDir: dataDir() })
  return { chosen: backends.find(({ available }) => available)?.name ?? null, backends }
}

/** The warnings about a measurement of so many seconds on one GPU, as lines "code: text"; without a GPU, of its length. */
export function measurementWarnings(durationSec: number, gpu: GpuFacts | null): string[] {
  return [...findingsOfLength(durationSec), ...(gpu === null ? [] : basicFindings(gpu))].map(lineOf)
}
