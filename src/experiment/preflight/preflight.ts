// Before the first second is spent: is everything there that an experiment needs? All that is not, at once.
//
//   prompts, model, backend and server, devices, memory, disk -> what was seen and what is in the way

import type { Imports } from '../../backends/backend.js'
import { findBackend } from '../../backends/registry.js'
import type { ExperimentConfig } from '../../config/schema.js'
import { LlemError } from '../../core/errors.js'
import { dataDir } from '../../core/paths.js'
import { planOf } from '../../nodes/starters.js'
import type { Observer } from '../../progress/observer.js'
import { unlessInterrupted } from '../../progress/wait.js'
import type { PromptSet } from '../../prompts/load.js'
import type { Service } from '../../workers/service.js'
import { isAttached } from '../identity.js'
import { loadPromptsOf } from '../prompts-of.js'
import { gpusOfRun } from './devices.js'
import { checkDisk } from './disk.js'
import { checkMemory, gb } from './memory.js'
import { Findings } from './report.js'

export interface PreflightOptions {
  /** The management library; undefined: the driver's own. */
  libraryPath?: string | undefined
  observer: Observer
  signal?: AbortSignal | undefined
  /** The container in which the inference runs; null: this machine. */
  service: Service | null
  imports: Imports
}

/** Looks at everything. Rejects only when interrupted; what is wrong is in the findings, and then there may be no prompts. */
export async function lookAhead(
  config: ExperimentConfig,
  { libraryPath, observer, signal, service, imports }: PreflightOptions,
): Promise<{ findings: Findings; prompts: PromptSet | null }> {
  const findings = new Findings()
  const looking = Promise.all([
    findings.of('prompts', () => loadPromptsOf(config, { observer, signal }), signal),
    checkModel(config, findings, signal),
    checkBackend(config, findings, { signal, service, imports }),
    checkRoom(config, findings, signal),
  ])
  const [prompts] = await unlessInterrupted(looking, signal)
  // Last, because a simulated machine counts its time from the first look at it.
  await checkGpus(config, findings, { libraryPath, signal })
  if (prompts !== null) findings.saw('prompts', `${prompts.prompts.length} prompts of ${prompts.source}`)
  return { findings, prompts }
}

async function checkModel(
  config: ExperimentConfig,
  findings: Findings,
  signal: AbortSignal | undefined,
): Promise<void> {
  const backend = findBackend(config.backend)
  const facts = await findings.of('model', () => backend.checkModel(config.model), signal)
  const { architecture = null, parameters } = facts ?? {}
  if (architecture === null) return
  const total = parameters?.total == null ? '' : `, ${(parameters.total / 1e9).toFixed(2)} billion weights`
  findings.saw('model', `${config.model} is a ${architecture} model${total}`)
}

async function checkBackend(
  config: ExperimentConfig,
  findings: Findings,
  {
    signal,
    service,
    imports,
  }: { signal: AbortSignal | undefined; service: Service | null; imports: Imports },
): Promise<void> {
  const { backend, model, python, load_timeout_sec: limitS } = config
  const checked = await findings.of(
    'backend',
    () =>
      findBackend(backend).check({
        model,
        options: config[backend],
        dataDir: dataDir(),
        python,
        env: process.env,
        service,
        timeouts: { loadMs: limitS * 1000 },
        signal,
        imports,
      }),
    signal,
  )
  for (const text of checked?.seen ?? []) findings.saw(isAttached(config) ? 'server' : 'backend', text)
}

async function checkGpus(
  config: ExperimentConfig,
  findings: Findings,
  { libraryPath, signal }: { libraryPath: string | undefined; signal: AbortSignal | undefined },
): Promise<void> {
  const { nodes, backend } = config.energy
  if (nodes !== null && backend !== null) {
    const plan = await findings.of('devices', async () => planOf(nodes, process.env), signal)
    if (plan !== null)
      findings.saw('devices', `measured: ${plan.count} nodes, by \`${plan.start[0]?.[0]} ...\``)
  }
  const gpus = await findings.of('devices', () => gpusOfRun(config, libraryPath), signal)
  if (gpus !== null) {
    const names = gpus.measured.map(({ index, name }) => `GPU ${index} (${name ?? 'without a name'})`)
    findings.saw('devices', names.length === 0 ? 'no GPU is measured' : `measured: ${names.join(', ')}`)
  }
  const need = await findings.of('memory', () => checkMemory(config, gpus?.measured ?? []), signal)
  if (need !== null)
    findings.saw('memory', `the weights have ${gb(need.weightBytes)}, and ${need.room} ${gb(need.roomBytes)}`)
}

async function checkRoom(
  { output_dir }: ExperimentConfig,
  findings: Findings,
  signal: AbortSignal | undefined,
): Promise<void> {
  const free = await findings.of('disk', () => checkDisk(output_dir), signal)
  if (free !== null) findings.saw('disk', `${gb(free)} are left for results in ${output_dir}`)
}

/** The prompts of a preflight that found nothing wrong. Throws what is in the way. */
export function promptsIfReady({
  findings,
  prompts,
}: {
  findings: Findings
  prompts: PromptSet | null
}): PromptSet {
  findings.throwAny()
  if (prompts === null)
    throw new LlemError('there are no prompts', { code: 'PROMPTS_INVALID', hint: null, kind: 'usage' })
  return prompts
}
