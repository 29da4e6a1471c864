import { LlemError } from '../../core/errors.js'
import type {
  BackendInstall,
  CheckOptions,
  InferenceBackend,
  InstallResult,
  StartOptions,
} from '../backend.js'
import { DEFAULT_TIMEOUTS, openWorkerSession } from '../worker-session.js'
import { apiKeyOf } from './api-key.js'
import { factsOf } from './model-facts.js'
import { findOnPath } from './on-path.js'
import type { TalkingOptions } from './options.js'
import type { ServerPlan } from './plan.js'
import { workerCommand } from './worker-command.js'

/** How a backend that is a server differs from the others of its kind. */
export interface ServerKind {
  name: string
  /** As of a backend. */
  takes: InferenceBackend['takes']
  /**
   * How to start it (`isElsewhere`: in a container, so that a look at this PATH says nothing), or null where its options say that it runs already. Throws OPTIONS_INVALID or
   * BACKEND_NOT_INSTALLED.
   */
  plan(
    model: string,
    options: Record<string, unknown>,
    where: { env: NodeJS.ProcessEnv; isElsewhere: boolean; python: string | null },
  ): Launch
  installs(): BackendInstall[]
  /** What `llem backend list` says where nothing was found. */
  absence: string
  /** How to get it: it comes from its own installer. */
  hint: string
}

export interface Launch {
  title: string
  /** The engine that it is to be, by what it says of itself; absent: any. */
  engine?: string | null
  command: string[] | null
  port: number | null
  talking: TalkingOptions
  /** Whether the command's arguments name the model. */
  startsModel: boolean
  /** The context that they ask for, in tokens; null where they leave it to the server. */
  contextSize: number | null
}

/** The worker ends a request by itself; the host only gives up on a worker that does not. */
const HOST_PATIENCE_MS = 30_000
/** The worker ends the server first: SIGTERM, 2.5 s, SIGKILL. */
const GRACE_MS = 4000

/** An inference backend that talks to a server over HTTP from a worker of its own. */
export function serverBackend(kind: ServerKind): InferenceBackend {
  const { name } = kind
  return {
    name,

    takes: kind.takes,

    /** What serves may lie anywhere, so only a file on this machine tells something. */
    async checkModel(model) {
      return factsOf(model).facts
    },

    async check({
      model,
      options,
      env = process.env,
      service = null,
      python = null,
      timeouts,
      signal,
      onWaiting,
    }: CheckOptions) {
      const launch = kind.plan(model, options, { env, isElsewhere: service !== null, python })
      const key = apiKeyOf(launch.talking, { ...env, ...launch.talking.env })
      // With it comes what speaks HTTP, which most commands do without.
      const { checkAttached, checkStarted } = await import('./check.js')
      if (launch.command !== null) return checkStarted(launch, model, { env, isElsewhere: service !== null })
      const { loadMs: timeoutMs } = { ...DEFAULT_TIMEOUTS, ...timeouts }
      return checkAttached(launch, model, key, { timeoutMs, signal, onWaiting })
    },

    async start({
      model,
      options,
      env = process.env,
      service = null,
      python = null,
      timeouts,
      ...session
    }: StartOptions) {
      const {
        title,
        engine = null,
        command,
        port,
        talking,
        startsModel,
        contextSize,
      } = kind.plan(model, options, {
        env,
        isElsewhere: service !== null,
        python,
      })
      apiKeyOf(talking, { ...env, ...talking.env }) // A key that is missing or refused is told before anything is started.
      const limits = { ...DEFAULT_TIMEOUTS, ...timeouts }
      const {
        endpoint,
        model: served,
        served_as,
        api_key_env,
        api_key_hosts,
        base_url,
        env: serverEnv,
        extra_body,
      } = talking
      const plan: ServerPlan = {
        title,
        engine,
        command,
        port,
        service: command === null ? null : service,
        base_url,
        endpoint,
        model: served,
        served_as,
        starts_model: startsModel,
        context_size: contextSize,
        api_key_env,
        api_key_hosts,
        env: serverEnv,
        extra_body,
        load_timeout_ms: limits.loadMs,
        request_timeout_ms: limits.requestMs,
      }
      const opened = await openWorkerSession(workerCommand(name, env), {
        ...session,
        model,
        options: plan,
        graceMs: GRACE_MS,
        canPrepare: true,
        endsItself: true,
        timeouts: {
          ...timeouts,
          loadMs: limits.loadMs + HOST_PATIENCE_MS,
          requestMs: limits.requestMs + HOST_PATIENCE_MS,
        },
      })
      return { ...opened, info: { ...opened.info, backend: name } }
    },

    /** Such a thing weighs gigabytes and fits its machine: its own installer knows better. */
    async install(): Promise<InstallResult> {
      throw new LlemError(`${name} comes from its own installer, not from llem`, {
        code: 'BACKEND_NOT_INSTALLABLE',
        hint: kind.hint,
        kind: 'usage',
      })
    },

    installs: () => kind.installs(),

    absence: kind.absence,
  }
}

/** One that runs already, of which nothing is known. */
export function attached(title: string, talking: TalkingOptions): Launch {
  return { title, command: null, port: null, talking, startsModel: false, contextSize: null }
}

/** The program that starts it: where it lies on PATH, or its name where that is another machine's matter. */
export function programOf(
  name: string,
  program: string,
  { env, isElsewhere }: { env: NodeJS.ProcessEnv; isElsewhere: boolean },
  hint: string,
): string {
  if (isElsewhere) return program
  const path = findOnPath(program, env)
  if (path === null) throw notOnPath(name, program, hint)
  return path
}

/** The program is not there. */
function notOnPath(name: string, program: string, hint: string): LlemError {
  return new LlemError(`${name} is not installed: there is no ${program} on PATH`, {
    code: 'BACKEND_NOT_INSTALLED',
    hint,
    kind: 'usage',
  })
}
