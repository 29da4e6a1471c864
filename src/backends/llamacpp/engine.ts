import { availableParallelism } from 'node:os'
import { LlemError, messageOf } from '../../core/errors.js'
import { ggufFacts, ggufWeightTypes } from '../../models/gguf/facts.js'
import { readGgufModel } from '../../models/gguf/file.js'
import { parseOptions } from '../options.js'
import type { LoadInfo, WorkerMemory } from '../protocol.js'
import { visibleUuids } from '../visible-devices.js'
import type { Llama, LlamaModel, LlamaModule, LlamaSequence } from './binding.js'
import { type LlamacppOptions, llamacpp as schema } from './options.js'

/** A loaded model with the sequences that share its batches. */
export interface Engine {
  info: LoadInfo
  model: LlamaModel
  sequences: readonly [LlamaSequence, ...LlamaSequence[]]
  /** Of each sequence. */
  contextSize: number
  memory(): Promise<WorkerMemory>
  dispose(): Promise<void>
}

/** Loads a GGUF model. Throws a LlemError that tells what to mend. */
export async function loadEngine(
  library: LlamaModule,
  modelPath: string,
  rawOptions: Record<string, unknown>,
): Promise<Engine> {
  const startNs = process.hrtime.bigint()
  const options = parseOptions('llamacpp', schema, rawOptions)
  const header = readGgufModel(modelPath)
  const llama = await openLlama(library, options)
  const model = await llama
    .loadModel({ modelPath, gpuLayers: options.gpu_layers ?? 'auto' })
    .catch((error) => Promise.reject(loadFault(error, `the model ${modelPath} could not be loaded`)))
  const context = await model
    .createContext({
      contextSize: options.context_size ?? 'auto',
      threads: options.threads ?? Math.min(llama.cpuMathCores, availableParallelism()),
      flashAttention: options.flash_attention ?? 'auto',
      sequences: options.parallel,
      ...(options.batch_size !== null && { batchSize: options.batch_size }),
    })
    .catch((error) => Promise.reject(loadFault(error, 'the context could not be created')))
  const others = Array.from({ length: options.parallel - 1 }, () => context.getSequence())
  return {
    model,
    sequences: [context.getSequence(), ...others],
    contextSize: context.contextSize,
    info: {
      model: modelPath,
      facts: ggufFacts(header),
      ...ggufWeightTypes(header),
      versions: { 'llama.cpp': llama.llamaCppRelease.release },
      // The library names its devices but does not identify them.
      device_uuids: uuidsOf(llama.gpu),
      device_names: llama.gpu === false ? [] : await llama.getGpuDeviceNames(),
      compute: llama.gpu === false ? 'cpu' : llama.gpu,
      gpu_layers: model.gpuLayers,
      threads: context.idealThreads,
      context_size: context.contextSize,
      train_context_size: model.trainContextSize,
      load_ms: Number(process.hrtime.bigint() - startNs) / 1e6,
    },
    memory: async () => ({
      rss_bytes: process.memoryUsage.rss(),
      vram_bytes: llama.gpu === false ? null : (await llama.getLlamaMemoryUsage()).gpuVram,
      vram_peak_bytes: null,
    }),
    dispose: () => llama.dispose(),
  }
}

async function openLlama(library: LlamaModule, { gpu }: LlamacppOptions): Promise<Llama> {
  try {
    return await library.getLlama({
      gpu: gpu === 'none' ? false : gpu,
      build: 'never',
      skipDownload: true,
      progressLogs: false,
      maxThreads: 0,
      logLevel: 'warn',
      logger: (level, message) => process.stderr.write(`[llama.cpp ${level}] ${message.trimEnd()}\n`),
    })
  } catch (error) {
    const hint = gpu === 'auto' || gpu === 'none' ? '' : ` --gpu ${gpu}`
    throw new LlemError(`llama.cpp cannot use gpu: ${gpu} here (${messageOf(error)})`, {
      code: 'GPU_UNAVAILABLE',
      hint: `Run: llem backend install llamacpp${hint}, or set gpu: auto.`,
      cause: error,
    })
  }
}

function loadFault(error: unknown, what: string): LlemError {
  if (error instanceof Error && error.constructor.name === 'InsufficientMemoryError') {
    return new LlemError(`${what}: ${error.message}`, {
      code: 'OUT_OF_MEMORY',
      hint: 'Lower context_size, parallel or gpu_layers.',
      cause: error,
    })
  }
  return new LlemError(`${what}: ${messageOf(error)}`, {
    code: 'MODEL_LOAD_FAILED',
    hint: null,
    cause: error,
  })
}

/** CUDA is kept to what it is given; Vulkan takes no notice of that. */
function uuidsOf(gpu: unknown): string[] | null {
  if (gpu === false) return []
  return gpu === 'cuda' ? visibleUuids(process.env.CUDA_VISIBLE_DEVICES) : null
}
