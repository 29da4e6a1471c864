// The part of node-llama-cpp 3.22 that the worker uses. It lies in llem's data folder, not in node_modules, so
// its own types are not at hand when llem is compiled. Reference: https://node-llama-cpp.withcat.ai/api/

export type Token = number

export interface LlamaModule {
  getLlama(options: {
    gpu: 'auto' | 'cuda' | 'vulkan' | false
    build: 'never'
    skipDownload: true
    progressLogs: false
    /** 0 lifts the limit, so that a context gets exactly the threads it asks for. */
    maxThreads: 0
    logLevel: string
    logger: (level: string, message: string) => void
  }): Promise<Llama>
  getModuleVersion(): Promise<string>
}

export interface Llama {
  readonly gpu: 'cuda' | 'vulkan' | 'metal' | false
  readonly cpuMathCores: number
  readonly llamaCppRelease: { readonly repo: string; readonly release: string }
  getGpuDeviceNames(): Promise<string[]>
  getLlamaMemoryUsage(): Promise<{ gpuVram: number; cpuRam: number }>
  loadModel(options: { modelPath: string; gpuLayers: 'auto' | 'max' | number }): Promise<LlamaModel>
  dispose(): Promise<void>
}

export interface LlamaModel {
  readonly gpuLayers: number
  readonly trainContextSize: number
  readonly tokens: { readonly bos: Token | null; readonly shouldPrependBosToken: boolean }
  tokenize(text: string): Token[]
  detokenize(tokens: readonly Token[]): string
  isEogToken(token: Token): boolean
  createContext(options: {
    contextSize: 'auto' | number
    threads: number
    flashAttention: 'auto' | boolean
    /** Each gets a context of `contextSize`. */
    sequences: number
    batchSize?: number
  }): Promise<LlamaContext>
}

export interface LlamaContext {
  readonly contextSize: number
  readonly idealThreads: number
  getSequence(): LlamaSequence
}

export interface LlamaSequence {
  clearHistory(): Promise<void>
  /** Evaluates the tokens, then yields one sampled token after another; the last one yielded is not evaluated. */
  evaluate(
    tokens: Token[],
    options: {
      temperature: number
      topK: number
      topP: number
      minP: number
      seed: number
      yieldEogToken: true
    },
  ): AsyncGenerator<Token, void, void>
}
