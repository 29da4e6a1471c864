// The model of an experiment by its name: found, or fetched, before anything is measured.

import { findBackend } from '../backends/registry.js'
import type { ExperimentConfig } from '../config/schema.js'
import { bareName, namedModel } from '../core/named-model.js'
import type { Observer } from '../progress/observer.js'
import { fetchLocated, locateModel } from '../registry/locate.js'
import type { Located } from '../registry/source.js'
import type { ModelSource } from '../results/identity.js'
import type { Service } from '../workers/service.js'
import { isAttached } from './identity.js'

export interface PlacedModel {
  /** The configuration with the model as its backend gets it: a path, or a name that the backend knows by itself. */
  config: ExperimentConfig
  /** What it was found to be; null of a path, and of what a server or a container has. */
  source: ModelSource | null
  /** As its registry has it; null where llem does not look for it. */
  located: Located | null
  /** What is yet to be fetched; null where all is here. */
  absent: (Located & { state: 'absent' }) | null
}

interface Context {
  observer: Observer
  signal: AbortSignal | undefined
  /** The container in which the inference runs, whose files are not those of this machine. */
  service: Service | null
}

/** Finds the model. Of a path nothing is done. Throws MODEL_*, HUB_* and INTERRUPTED. */
export async function placeModel(
  written: ExperimentConfig,
  { observer, signal, service }: Context,
): Promise<PlacedModel> {
  const config = withRevision(written)
  const { takes } = findBackend(config.backend)
  const isTheirs =
    takes === null ||
    isAttached(config) ||
    !isTold(config) ||
    (service !== null && namedModel(config.model)?.registry === 'hf')
  if (isTheirs) return placed(withModel(config, bareName(config.model)))
  const located = await locateModel(config.model, takes, { observer, signal })
  if (located === null) return placed(config)
  // Until it is there, the name tells more than where it will be.
  if (located.state === 'absent')
    return {
      config: withModel(config, bareName(config.model)),
      source: located.source,
      located,
      absent: located,
    }
  return placed(withModel(config, located.path), located)
}

/**
 * The same with all of it on this machine, and its bytes held against what its name says. Throws HUB_*, DOWNLOAD_DIFFERS,
 * DISK_FULL, MODEL_DAMAGED and INTERRUPTED.
 */
export async function fetchPlaced(
  model: PlacedModel,
  asking: { observer: Observer; signal: AbortSignal | undefined },
): Promise<PlacedModel> {
  if (model.located === null) return model
  const { path, source } = await fetchLocated(model.located, asking)
  return { config: withModel(model.config, path), source, located: model.located, absent: null }
}

/** Whether what is started gets the model at all: a person's own command may know it by itself. */
function isTold({ backend, server: { command } }: ExperimentConfig): boolean {
  return backend !== 'server' || command?.some((part) => part.includes('{model}')) === true
}

/** The commit of pytorch's own key is the one that is fetched; a name that has one of its own says it last. */
function withRevision(config: ExperimentConfig): ExperimentConfig {
  const { backend, model, pytorch } = config
  const name = namedModel(model)
  if (backend !== 'pytorch' || name?.registry !== 'hf') return config
  const revision = name.revision ?? pytorch.revision
  if (revision === null) return config
  return {
    ...config,
    model: name.revision === null ? model.replace(name.repository, `${name.repository}@${revision}`) : model,
    pytorch: { ...pytorch, revision },
  }
}

function withModel(config: ExperimentConfig, model: string): ExperimentConfig {
  return { ...config, model }
}

function placed(config: ExperimentConfig, located: Located | null = null): PlacedModel {
  return { config, source: located?.source ?? null, located, absent: null }
}
