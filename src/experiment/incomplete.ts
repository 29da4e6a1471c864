import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { configHash } from '../config/config-hash.js'
import type { ExperimentConfig } from '../config/schema.js'
import { LlemError, messageOf } from '../core/errors.js'
import { redact } from '../core/redact.js'
import { interrupted } from '../progress/wait.js'
import type { Energy } from '../results/energy.js'
import { SCHEMA_VERSION } from '../results/experiment.js'
import { writeJsonAtomically } from '../results/files.js'

interface IncompleteRun {
  experimentId: string
  config: ExperimentConfig
  simulated: boolean
  energy: Energy | null
  failure: unknown
  interrupted: boolean
}

/**
 * Writes incomplete.json beside what a broken measurement has left, never under the name of a result. Resolves with
 * the error to throw, which says where to look.
 */
export async function keepIncomplete(runDir: string, run: IncompleteRun): Promise<unknown> {
  try {
    await writeJsonAtomically(join(runDir, 'incomplete.json'), {
      schema_version: SCHEMA_VERSION,
      experiment_id: run.experimentId,
      status: run.interrupted ? 'interrupted' : 'failed',
      error: messageOf(run.failure),
      model: run.config.model,
      backend: run.config.backend,
      config_hash: configHash(run.config),
      simulated: run.simulated,
      energy: run.energy,
      effective_config: redact(run.config),
    })
  } catch {
    // The failure itself is what the person must hear about.
    await removeIfEmpty(runDir).catch(() => undefined)
  }
  const place = existsSync(runDir) ? `What was measured by then is in ${runDir}.` : null
  if (run.interrupted) return interrupted(run.failure, place)
  return run.failure instanceof LlemError ? withPlace(run.failure, place) : run.failure
}

/** Files without content and the folder, if nothing else is in it. */
async function removeIfEmpty(runDir: string): Promise<void> {
  for (const name of readdirSync(runDir)) {
    const path = join(runDir, name)
    const stat = statSync(path)
    if (stat.isFile() && stat.size === 0) rmSync(path, { force: true })
  }
  await rmdir(runDir).catch(() => undefined)
}

function withPlace(failure: LlemError, place: string | null): LlemError {
  const { message, code, hint, kind } = failure
  const advice = [hint, place].filter((text) => text !== null).join(' ')
  return new LlemError(message, { code, hint: advice || null, kind, cause: failure })
}
