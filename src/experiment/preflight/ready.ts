// The preflight by itself: what `--validate-only` and the library ask for.

import type { Imports } from '../../backends/backend.js'
import type { ExperimentConfig } from '../../config/schema.js'
import { learnEnvironment, learnSecrets } from '../../core/secrets.js'
import { type Observer, silentObserver, tolerant } from '../../progress/observer.js'
import { shownWhileWaiting } from '../../progress/wait.js'
import type { Service } from '../../workers/service.js'
import { lookAhead } from './preflight.js'
import type { PreflightReport } from './report.js'

/** Importing a backend's libraries is the longest of it. */
const LIMIT_S = 120

export interface ReadyOptions {
  libraryPath?: string | undefined
  observer?: Observer
  signal?: AbortSignal | undefined
  service?: Service | null
  /** Whether libraries are imported; by default they are. */
  imports?: Imports
}

/** Whether an experiment could run here and now. Measures nothing, loads no model and writes nothing. Rejects with INTERRUPTED alone. */
export async function preflightOf(
  config: ExperimentConfig,
  {
    libraryPath,
    observer: listener = silentObserver,
    signal,
    service = null,
    imports = 'always',
  }: ReadyOptions = {},
): Promise<PreflightReport> {
  learnEnvironment(process.env)
  learnSecrets(config)
  const observer = tolerant(listener)
  const { findings } = await shownWhileWaiting('Preflight', LIMIT_S, observer, (_, onWaiting) =>
    lookAhead(config, { libraryPath, observer, signal, service, imports, onWaiting }),
  )
  return findings.report()
}
