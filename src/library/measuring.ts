// What llem knows of models, energy backends and measurements, for programs.

import { findBackend } from '../backends/registry.js'
import type { INFERENCE_BACKENDS } from '../config/schema.js'
import { LlemError } from '../core/errors.js'
import { bareName } from '../core/named-model.js'
import { dataDir } from '../core/paths.js'
import { learnEnvironment } from '../core/secrets.js'
import { basicFindings, findingsOfLength, type GpuFacts } from '../energy/findings.js'
import { chooseLibrary } from '../energy/library.js'
import { type BackendProbe, probeEnergyBackends } from '../energy/probe.js'
import type { ModelFacts } from '../models/facts.js'
import { type Observer, silentObserver, tolerant } from '../progress/observer.js'
import { fetchLocated, locateModel } from '../registry/locate.js'
import { lineOf } from '../results/findings.js'
import type { ModelSource } from '../results/identity.js'

type BackendName = (typeof INFERENCE_BACKENDS)[number]

/**
 * What a backend can tell of a model without loading it, which is what `estimateFlopsPalm` needs; null where only a loaded
 * model tells. A model by name (`hf:`, `ollama:`) is to be on this machine: `fetchModel` fetches it. Throws MODEL_NOT_FOUND,
 * MODEL_UNREADABLE, and what a name throws.
 */
export async function modelFacts(
  model: string,
  backend: BackendName = 'llamacpp',
): Promise<ModelFacts | null> {
  const { takes, checkModel } = findBackend(backend)
  if (takes === null) return checkModel(bareName(model))
  const located = await locateModel(model, takes, { observer: silentObserver, signal: undefined })
  if (located?.state === 'absent')
    throw new LlemError(`the model ${model} is not on this machine`, {
      code: 'MODEL_NOT_FOUND',
      hint: 'Fetch it first, by fetchModel or an experiment.',
      kind: 'usage',
    })
  return checkModel(located?.path ?? model)
}

export interface FetchOptions {
  /** What is to load it, which says whether a GGUF file or a folder is fetched. */
  backend?: BackendName
  observer?: Observer
  /** Ends the download; what has come is kept, and the next one goes on with it. */
  signal?: AbortSignal
}

/**
 * A model by name onto this machine, as an experiment fetches it: `hf:OWNER/REPO:Q4_K_M` into the cache of Hugging Face,
 * `ollama:NAME` where Ollama keeps it. Resolves with its path and what it is. Throws MODEL_*, HUB_*, DOWNLOAD_DIFFERS,
 * DISK_FULL and INTERRUPTED.
 */
export async function fetchModel(
  name: string,
  { backend = 'llamacpp', observer = silentObserver, signal }: FetchOptions = {},
): Promise<{ path: string; source: ModelSource }> {
  learnEnvironment(process.env)
  const { takes } = findBackend(backend)
  const asking = { observer: tolerant(observer), signal }
  const located = takes === null ? null : await locateModel(name, takes, asking)
  if (located === null)
    throw new LlemError(`${JSON.stringify(name)} is no name of a model that llem fetches for ${backend}`, {
      code: 'MODEL_NAME_INVALID',
      hint: 'Write hf:OWNER/REPO:Q4_K_M or ollama:NAME; a path needs no fetching.',
      kind: 'usage',
    })
  return fetchLocated(located, asking)
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
