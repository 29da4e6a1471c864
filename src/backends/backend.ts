import type { ModelFacts } from '../models/facts.js'
import type { Service } from '../workers/service.js'
import type { ServerIdentity } from './identity.js'
import type {
  FailedRequest,
  Generation,
  InferOne,
  LoadInfo,
  OfferedLoad,
  Prompt,
  RequestRecord,
  RunTotals,
  WorkerMemory,
} from './protocol.js'
import type { WorkerTimeouts } from './worker-session.js'

// registry -> backend.checkModel -> backend.start -> session.inferOne (warmup) -> session.run -> session.close

/** One way of running a model. A new one is a file that implements this and a line in registry.ts. */
export interface InferenceBackend {
  readonly name: string
  /** What it loads of a model that is asked for by name (hf:, ollama:); null: it knows such names by itself. */
  readonly takes: 'gguf' | 'folder' | 'either' | null
  /**
   * Looks at the model without loading it and resolves with what it found, null where only a worker can tell.
   * Rejects with MODEL_NOT_FOUND or MODEL_UNREADABLE.
   */
  checkModel(model: string): Promise<ModelFacts | null>
  /**
   * Whether `start` could work, before anything is spent on it: options, installation, and of a server that runs whether
   * it answers as the model. Starts no server and loads no model. Rejects as `start` would.
   */
  check(options: CheckOptions): Promise<BackendCheck>
  /** Starts a worker and loads the model. Rejects with BACKEND_NOT_INSTALLED, MODEL_*, OPTIONS_INVALID or WORKER_*. */
  start(options: StartOptions): Promise<InferenceSession>
  /** Puts the backend's libraries into llem's data folder. */
  install(options: InstallOptions): Promise<InstallResult>
  /** What is installed of it; empty when nothing is. */
  installs(dataDir: string): BackendInstall[]
  /** What a list says where nothing is installed, of a backend that llem does not install. */
  readonly absence?: string | undefined
}

export interface StartOptions {
  /** A file or a name, as the backend understands it. */
  model: string
  /** The backend's own options in snake case; unknown keys are refused. */
  options: Record<string, unknown>
  /** llem's data folder, where backends are installed. */
  dataDir: string
  /** The person's own Python interpreter, for backends in Python; null or absent: that of the installed backend. */
  python?: string | null | undefined
  /** Replaces llem's environment for the worker, e.g. to set CUDA_VISIBLE_DEVICES. */
  env?: NodeJS.ProcessEnv | undefined
  /** The container in which the inference runs; null or absent: this machine. llamacpp knows none. */
  service?: Service | null | undefined
  timeouts?: Partial<WorkerTimeouts> | undefined
  /** Called with each line that the worker writes to stderr. */
  log?: ((line: string) => void) | undefined
  /** Called with what a loading worker waits for, where it tells. */
  onLoading?: ((text: string) => void) | undefined
  signal?: AbortSignal | undefined
}

export interface CheckOptions
  extends Pick<
    StartOptions,
    'model' | 'options' | 'dataDir' | 'python' | 'env' | 'service' | 'timeouts' | 'signal'
  > {
  /** Whether the worker is started too, so that its libraries are imported. */
  imports: Imports
  /** Called where it waits long for something with a name, and with null when that is over. */
  onWaiting?: ((what: LongWait | null) => void) | undefined
}

/** What is waited for, and how long at most. */
export interface LongWait {
  label: string
  limitS: number
}

/**
 * Importing takes a second, or of PyTorch several. What llem has installed was imported then: `unproven` is what a person
 * brings, such as an interpreter of their own.
 */
export type Imports = 'never' | 'unproven' | 'always'

/** What a check saw. */
export interface BackendCheck {
  /** In sentences for a person, without their full stops. */
  seen: string[]
  /** What answers, of a server that runs already. */
  server: ServerIdentity | null
}

export interface SessionInfo extends LoadInfo {
  backend: string
  /** The worker's process id (in a container: of the client that started it), null where it is a server elsewhere. */
  pid: number | null
}

/** A loaded model. Calls run one after the other; an abort or a WORKER_* error ends the session. */
export interface InferenceSession {
  readonly info: SessionInfo
  /** One prompt for warming up; the latency runs from evaluation to the last token. */
  inferOne(prompt: Prompt, options: InferOptions): Promise<InferOne>
  /** Readies these very prompts for the next run, before anything is measured, where there is something to ready. */
  prepare?(prompts: readonly Prompt[], options: InferOptions): Promise<void>
  /** Every prompt in order, as the load or the options say. Resolves when the last result has left the GPU. */
  run(prompts: readonly Prompt[], options: RunOptions): Promise<RunTotals>
  memory(signal?: AbortSignal): Promise<WorkerMemory>
  /** Ends the worker; always resolves, and may be called again. */
  close(): Promise<void>
}

export interface InferOptions {
  generation: Generation
  signal?: AbortSignal | undefined
}

export interface RunOptions extends InferOptions {
  /** How requests reach a server; null or absent: as the options of the backend say. */
  load?: OfferedLoad | null | undefined
  /** Called as each request ends. */
  onRequest?: ((record: RequestRecord) => void) | undefined
  /** Called as a request comes to nothing, where that does not end the run. */
  onFailure?: ((failed: FailedRequest) => void) | undefined
}

/** What a prebuilt library computes on; "auto" looks at the machine. */
export type GpuChoice = 'auto' | 'cuda' | 'vulkan' | 'none'

export interface InstallOptions {
  gpu: GpuChoice
  dataDir: string
  /** Makes the virtual environment of backends in Python; absent: python3. */
  python?: string | undefined
  log?: ((line: string) => void) | undefined
  signal?: AbortSignal | undefined
}

export interface InstallResult {
  /** False when the very same was there before and nothing was done. */
  installed: boolean
  path: string
  version: string
  gpu: string[]
  /** One sentence for a person. */
  message: string
}

/** One installation found in the data folder. */
export interface BackendInstall {
  version: string
  /** What it computes on besides the CPU, e.g. ["cuda"]. */
  gpu: string[]
  path: string
  /** Why it cannot be used, null when it can. */
  problem: string | null
}
