import type { CheckOptions } from '../../backends/backend.js'
import type { ServerIdentity } from '../../backends/identity.js'
import { findBackend } from '../../backends/registry.js'
import type { ExperimentConfig } from '../../config/schema.js'
import { bareName } from '../../core/named-model.js'
import { dataDir } from '../../core/paths.js'
import { isAttached } from '../identity.js'

/** What the server of an experiment answers as, of one that runs already; null of any other. Throws what is in the way. */
export async function attachedServer(
  config: ExperimentConfig,
  signal: AbortSignal | undefined,
  onWaiting?: CheckOptions['onWaiting'],
): Promise<ServerIdentity | null> {
  if (!isAttached(config)) return null
  const { backend, model, python, load_timeout_sec: limitS } = config
  const { server } = await findBackend(backend).check({
    model: bareName(model),
    options: config[backend],
    dataDir: dataDir(),
    python,
    env: process.env,
    service: null,
    timeouts: { loadMs: limitS * 1000 },
    signal,
    imports: 'never',
    onWaiting,
  })
  return server
}
