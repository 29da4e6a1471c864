// asked, resolved, observed: what the configuration wants beside what was seen to answer.

import type { SessionInfo } from '../backends/backend.js'
import type { RunTotals } from '../backends/protocol.js'
import { ASKED_KEYS, type NamedServer } from '../backends/server/named/options.js'
import { type ExperimentConfig, isServerBackend } from '../config/schema.js'
import { cachedModelFolder } from '../models/folder.js'
import type { Identity, ModelSource } from '../results/identity.js'
import type { Member } from './fleet.js'

/** Of an experiment; null without a worker. */
export function identityOf(
  config: ExperimentConfig,
  members: readonly Pick<Member, 'session' | 'visibleUuids'>[],
  { served }: Pick<RunTotals, 'served'>,
  source: ModelSource | null,
): Identity | null {
  const info = members[0]?.session.info
  if (info === undefined) return null
  const given = members.map(({ visibleUuids }) => visibleUuids)
  const used = members.map(({ session }) => session.info.device_uuids)
  return {
    asked: askedOf(config),
    resolved: { ...resolvedOf(config, info), gpu_uuids: together(given) },
    source,
    observed: observedOf(info, together(used), served),
  }
}

/** What the configuration says of the model and how it is to run. */
export function askedOf(config: ExperimentConfig): Identity['asked'] {
  const { model, backend, processes } = config
  const base = { model, name: null, served_as: null, context_size: null, dtype: null, quantisation: null }
  const gpus = processes === 1 ? null : processes
  if (backend === 'llamacpp') return { ...base, context_size: config.llamacpp.context_size, gpus }
  if (backend === 'pytorch') {
    const { dtype, quantisation } = config.pytorch
    return { ...base, dtype: dtype === 'auto' ? null : dtype, quantisation, gpus }
  }
  const { model: name, served_as } = config[backend]
  const named = { ...base, name, served_as }
  if (backend === 'tensorrt')
    return { ...named, context_size: config.tensorrt.max_seq_len, gpus: config.tensorrt.tp_size }
  if (backend === 'server') return { ...named, gpus: null }
  if (backend !== 'vllm') return { ...named, ...askedOfNamed(backend, config[backend]) }
  const { max_model_len, dtype, quantization, tensor_parallel_size } = config.vllm
  return {
    ...named,
    context_size: max_model_len,
    dtype: dtype === 'auto' ? null : dtype,
    quantisation: quantization,
    gpus: tensor_parallel_size,
  }
}

/** What a server that is known by name is told of these, by its own keys; null leaves it to the server. */
function askedOfNamed(
  name: NamedServer,
  options: object,
): Pick<Identity['asked'], 'context_size' | 'dtype' | 'quantisation' | 'gpus'> {
  const { context, dtype, quantisation, gpus } = ASKED_KEYS[name]
  const read = (key: string | null) =>
    key === null ? null : ((options as Record<string, unknown>)[key] ?? null)
  const text = (key: string | null) => {
    const value = read(key)
    return typeof value === 'string' && value !== 'auto' ? value : null
  }
  const count = (key: string | null) => {
    const value = read(key)
    return typeof value === 'number' ? value : null
  }
  return {
    context_size: count(context),
    dtype: text(dtype),
    quantisation: text(quantisation),
    gpus: count(gpus),
  }
}

function resolvedOf(
  { backend, pytorch }: ExperimentConfig,
  { model, server }: SessionInfo,
): Omit<Identity['resolved'], 'gpu_uuids'> {
  if (server != null) return { name: server.name, by: server.by }
  // An id is a folder of a certain commit once it is downloaded.
  const folder = backend === 'pytorch' ? cachedModelFolder(model, pytorch.revision) : null
  return { name: folder ?? model, by: 'loaded' }
}

function observedOf(
  info: SessionInfo,
  gpu_uuids: string[] | null,
  served: RunTotals['served'],
): Identity['observed'] {
  const noGpus: Record<string, string> =
    gpu_uuids === null ? { gpu_uuids: 'the worker cannot tell which GPUs compute' } : {}
  if (info.server != null) {
    const { reasons, ...observed } = info.server.observed
    const answered = served === null || served.answered.length === 0 ? null : served.answered
    const silent: Record<string, string> = answered === null ? { answered: 'no answer named its model' } : {}
    return { ...observed, answered, gpu_uuids, reasons: { ...reasons, ...silent, ...noGpus } }
  }
  const { context_size, dtype, quantisation, backend, versions } = info
  const engine = LIBRARIES[backend] ?? backend
  const none = 'the worker itself computes'
  return {
    model: info.model,
    owner: null,
    root: null,
    parent: null,
    answered: null,
    engine,
    engine_version: versions[engine] ?? null,
    context_size,
    dtype,
    quantisation,
    tensor_parallel: null,
    pipeline_parallel: null,
    data_parallel: null,
    gpu_uuids,
    reasons: {
      ...Object.fromEntries(
        ['owner', 'root', 'parent', 'answered', 'tensor_parallel', 'pipeline_parallel', 'data_parallel'].map(
          (field) => [field, none],
        ),
      ),
      ...(versions[engine] === undefined ? { engine_version: 'the worker does not tell it' } : {}),
      ...(context_size === null ? { context_size: 'the backend has none of its own' } : {}),
      ...(dtype === null ? { dtype: 'the worker does not tell it' } : {}),
      ...(quantisation === null ? { quantisation: 'none, or none that is known' } : {}),
      ...noGpus,
    },
  }
}

/** What the version of a backend is the version of. */
const LIBRARIES: Readonly<Record<string, string>> = { llamacpp: 'llama.cpp', pytorch: 'torch' }

/** Each once; null where one of them is not known. */
function together(lists: readonly (readonly string[] | null)[]): string[] | null {
  return lists.some((list) => list === null) ? null : [...new Set(lists.flatMap((list) => list ?? []))]
}

/** Whether the model is reached over HTTP and llem has not started it. */
export function isAttached(config: ExperimentConfig): boolean {
  return isServerBackend(config.backend) && config[config.backend].base_url !== null
}
