// Before the first second is spent: is everything there that an experiment needs? All that is not, at once.
//
//   prompts, model, backend and server, devices, memory, disk -> what was seen and what is in the way

import type { CheckOptions, Imports } from '../../backends/backend.js'
import { findBackend } from '../../backends/registry.js'
import type { ExperimentConfig } from '../../config/schema.js'
import { LlemError } from '../../core/errors.js'
import { bareName } from '../../core/named-model.js'
import { dataDir } from '../../core/paths.js'
import { planOf } from '../../nodes/starters.js'
import type { Observer } from '../../progress/observer.js'
import { unlessInterrupted } from '../../progress/wait.js'
import type { PromptSet } from '../../prompts/load.js'
import { checkRoom as checkRoomForPlan } from '../../registry/fetch.js'
import type { Service } from '../../workers/service.js'
import { isAttached } from '../identity.js'
import { type PlacedModel, placeModel } from '../model.js'
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
  onWaiting?: CheckOptions['onWaiting']
}

export interface LookedAhead {
  findings: Findings
  /** Null where something is in the way of them. */
  prompts: PromptSet | null
  model: PlacedModel | null
}

/** Looks at everything. Rejects only when interrupted; what is wrong is in the findings, and then there may be no prompts. */
export async function lookAhead(
  config: ExperimentConfig,
  { libraryPath, observer, signal, service, imports, onWaiting }: PreflightOptions,
): Promise<LookedAhead> {
  const findings = new Findings()
  const looking = Promise.all([
    findings.of('prompts', () => loadPromptsOf(config, { observer, signal }), signal),
    findings
      .of('model', () => placeModel(config, { observer, signal, service }), signal)
      .then(async (found) => {
        // What cannot be found is told beside what else is wrong.
        const { config: placed } = found ?? { config: { ...config, model: bareName(config.model) } }
        await Promise.all([
          found === null ? undefined : checkModel(config, found, findings, signal),
          checkBackend(placed, findings, { signal, service, imports, onWaiting }),
        ])
        return found
      }),
    checkRoom(config, findings, signal),
  ])
  const [prompts, model] = await unlessInterrupted(looking, signal)
  // Last, because a simulated machine counts its time from the first look at it.
  await checkGpus(model?.config ?? config, findings, { libraryPath, signal, absent: model?.absent ?? null })
  if (prompts !== null) findings.saw('prompts', `${prompts.prompts.length} prompts of ${prompts.source}`)
  return { findings, prompts, model }
}

async function checkModel(
  { model: written }: ExperimentConfig,
  { config, absent }: PlacedModel,
  findings: Findings,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (absent !== null) {
    await findings.of('disk', () => checkRoomForPlan(absent.plan), signal)
    const { missingBytes, plan } = absent
    return findings.saw(
      'model',
      `${written} is ${plan.files.length === 1 ? 'a file' : `${plan.files.length} files`} of commit ${plan.commit.slice(0, 12)}, ${gb(missingBytes)} of it are to be fetched`,
    )
  }
  const backend = findBackend(config.backend)
  const facts = await findings.of('model', () => backend.checkModel(config.model), signal)
  const { architecture = null, parameters } = facts ?? {}
  if (architecture === null) return
  const total = parameters?.total == null ? '' : `, ${(parameters.total / 1e9).toFixed(2)} billion weights`
  findings.saw('model', `${written} is a ${architecture} model${total}`)
}

async function checkBackend(
  config: ExperimentConfig,
  findings: Findings,
  {
    signal,
    service,
    imports,
    onWaiting,
  }: Pick<PreflightOptions, 'signal' | 'service' | 'imports' | 'onWaiting'>,
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
        onWaiting,
      }),
    signal,
  )
  for (const text of checked?.seen ?? []) findings.saw(isAttached(config) ? 'server' : 'backend', text)
}

async function checkGpus(
  config: ExperimentConfig,
  findings: Findings,
  {
    libraryPath,
    signal,
    absent,
  }: { libraryPath: string | undefined; signal: AbortSignal | undefined; absent: PlacedModel['absent'] },
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
  const weights = absent === null ? {} : { weightBytes: weightBytesOfPlan(absent) }
  const need = await findings.of('memory', () => checkMemory(config, gpus?.measured ?? [], weights), signal)
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

/** Of a folder half, as of one on the disk: single precision may become half of it on the way. */
function weightBytesOfPlan({ plan: { files, shape } }: NonNullable<PlacedModel['absent']>): number {
  const weights = files.filter(({ path }) => /\.(gguf|safetensors)$/i.test(path))
  return weights.reduce((sum, { bytes }) => sum + bytes, 0) / (shape === 'gguf' ? 1 : 2)
}

/** Prompts and model of a preflight that found nothing wrong. Throws what is in the way. */
export function ifReady({ findings, prompts, model }: LookedAhead): {
  prompts: PromptSet
  model: PlacedModel
} {
  findings.throwAny()
  if (prompts === null || model === null)
    throw new LlemError('there are no prompts', { code: 'PROMPTS_INVALID', hint: null, kind: 'usage' })
  return { prompts, model }
}
