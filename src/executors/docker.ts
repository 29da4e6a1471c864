// An experiment of a backend that has a service: the runner and its meter stay on this machine, the inference worker runs
// in the service's container. All others run on this machine altogether.

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { loadExperimentConfig } from '../config/load.js'
import { LlemError, messageOf } from '../core/errors.js'
import type { Observer } from '../progress/observer.js'
import { shownWhileWaiting, stopIfInterrupted } from '../progress/wait.js'
import type { Service } from '../workers/service.js'
import type { ExecuteOptions, Executor } from './executor.js'
import type { RunOrder, RunSummary } from './protocol.js'
import type { Services } from './services.js'

/** One kind of inference that a campaign has. */
export interface Work {
  backend: string
  /** As written: a path or an id. */
  model: string
}

/** llem itself, and with it what is embedded in it, is in no image. */
export const IN_SERVICES: ReadonlySet<string> = new Set([
  ...['pytorch', 'vllm', 'tensorrt', 'sglang', 'tgi', 'llama-server', 'server'],
])

/** What of an experiment can be started in a container: null where it is part of llem, or a server that runs already. */
export function backendInside(order: Pick<RunOrder, 'config'>): Work | null {
  const loaded = loadExperimentConfig({ text: JSON.stringify(order.config) })
  if (!loaded.ok) return null // The runner says what is wrong.
  const { backend, model, [backend]: options } = loaded.config
  const isElsewhere = 'base_url' in options && options.base_url !== null
  return IN_SERVICES.has(backend) && !isElsewhere ? { backend, model } : null
}

export class DockerExecutor implements Executor {
  readonly name = 'docker'
  readonly #local: Executor
  readonly #services: Services
  readonly #work: readonly Work[]
  readonly #startTimeoutS: number
  /** What the compose file has for the campaign's backends. */
  #names: ReadonlySet<string> = new Set()
  /** Services in which nothing is left of an earlier runner, and something may be kept by this one. */
  readonly #swept = new Set<string>()
  /** Services that were ready. */
  readonly #used = new Map<string, Service>()
  /** Those in which an experiment ran since they were started. */
  readonly #touched = new Set<string>()
  #observer: Observer | null = null
  #signal: AbortSignal | undefined

  constructor(
    local: Executor,
    services: Services,
    { work, startTimeoutMs }: { work: readonly Work[]; startTimeoutMs: number },
  ) {
    this.#local = local
    this.#services = services
    this.#work = work
    this.#startTimeoutS = startTimeoutMs / 1000
  }

  async begin({ observer, signal }: { observer: Observer; signal: AbortSignal | undefined }): Promise<void> {
    this.#observer = observer
    this.#signal = signal
    const there = new Set(await this.#services.compose.services())
    const backends = new Set(this.#work.map(({ backend }) => backend))
    this.#names = new Set([...backends].filter((name) => IN_SERVICES.has(name) && there.has(name)))
    for (const name of backends)
      if (!this.#names.has(name)) observer.note(`Note: ${whyHere(name, there)}, so it runs on this machine.`)
    const problems: string[] = []
    // One after the other: two images that download at once are no faster, and their errors would be mixed up.
    for (const name of this.#names) {
      try {
        problems.push(...(await this.#checked(name)))
      } catch (error) {
        stopIfInterrupted(signal)
        problems.push(sentence(error))
      }
    }
    if (problems.length === 0) return
    throw new LlemError(`the services cannot be used:\n${problems.join('\n')}`, {
      code: 'SERVICES_UNUSABLE',
      hint: `Mend ${this.#services.compose.file}, or set docker.enabled: false to run on this machine.`,
    })
  }

  async run(order: RunOrder, options: ExecuteOptions): Promise<RunSummary> {
    const name = this.#serviceOf(order)
    if (name === null) return this.#local.run(order, options)
    const said = (text: string) => options.onEvent({ event: 'said', id: 0, text, detail: false })
    const service = await this.#services.ready(name, { signal: options.signal, tell: said })
    const known = this.#used.get(name)
    // What is kept loaded went with the container that it was in.
    if (known !== undefined && known.container_id !== service.container_id) await this.close()
    this.#used.set(name, service)
    this.#touched.add(name)
    // What a dead connection to the engine has left would compute beside what is measured.
    await this.#services.sweep(service, { spareKept: this.#swept.has(name) })
    this.#swept.add(name)
    try {
      return await this.#local.run({ ...order, service }, options)
    } catch (error) {
      this.#swept.clear()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#local.close()
    this.#swept.clear()
  }

  /** Whether a program can be run in every service in use, and the runner lives. */
  async responds(timeoutMs: number): Promise<boolean | null> {
    const [local, ...services] = await Promise.all([
      this.#local.responds(timeoutMs),
      ...[...this.#used.values()].map((service) => this.#services.responds(service, timeoutMs)),
    ])
    if (services.includes(false)) return false
    return services.length === 0 ? local : (local ?? true)
  }

  async restart(): Promise<void> {
    await this.close()
    // A cold start after each run would otherwise restart all others too.
    const names = this.#touched.size === 0 ? [...this.#used.keys()] : [...this.#touched]
    this.#touched.clear()
    for (const name of names) {
      const service = await this.#shown(name, (tell) =>
        this.#services.restart(name, { signal: this.#signal, tell }),
      )
      this.#used.set(name, service)
    }
  }

  async end(observer: Observer): Promise<void> {
    await this.close()
    for (const service of this.#used.values()) {
      if (this.#services.owns(service.name)) continue
      // Whatever was killed is killed in there too, before anybody measures again.
      await this.#services.sweep(service).catch((error: unknown) => observer.note(`Note: ${sentence(error)}`))
    }
    const late = (names: readonly string[]) => observer.note(waitsFor(names, this.#signal?.aborted ?? false))
    await this.#services.stop(late).catch((error: unknown) => {
      observer.note(`The services could not be stopped (non-fatal): ${messageOf(error)}`)
    })
  }

  /** Starts a service; answers what is wrong with it. */
  async #checked(name: string): Promise<string[]> {
    const service = await this.#shown(name, (tell) =>
      this.#services.ready(name, { signal: this.#signal, tell }),
    )
    this.#used.set(name, service)
    const paths = this.#work.flatMap(({ backend, model }) =>
      backend === name && existsSync(model) ? [resolve(model)] : [],
    )
    const seen = await this.#services.sweepAndLook(service, [...new Set(paths)])
    this.#swept.add(name)
    const own = bootId()
    if (own !== null && seen.boot_id !== null && seen.boot_id !== own)
      return [`service ${name} runs on another machine, whose GPUs llem cannot measure from here`]
    return seen.missing.map(
      (path) => `service ${name} does not see ${path}: give it the volume ${path}:${path}:ro`,
    )
  }

  #serviceOf(order: RunOrder): string | null {
    const backend = backendInside(order)?.backend
    return backend !== undefined && this.#names.has(backend) ? backend : null
  }

  #shown<T>(name: string, work: (tell: (text: string) => void) => Promise<T>): Promise<T> {
    const observer = this.#observer
    if (observer === null) return work(() => undefined)
    return shownWhileWaiting(`Service ${name}`, this.#startTimeoutS, observer, work)
  }
}

function whyHere(backend: string, there: ReadonlySet<string>): string {
  return there.has(backend)
    ? `${backend} is part of llem and cannot run in a service`
    : `the compose file has no service ${backend}`
}

/** A program that is process 1 of its container, such as `sleep infinity`, takes no notice of SIGTERM. */
function waitsFor(names: readonly string[], isInterrupted: boolean): string {
  const what = `${names.length === 1 ? 'service' : 'services'} ${names.join(', ')}`
  const again = isInterrupted ? '; Ctrl-C once more does not wait, and Docker stops them all the same' : ''
  return `Waiting for ${what} to stop: where SIGTERM is ignored, Docker waits for its stop_grace_period (10 s by default)${again}.`
}

function sentence(error: unknown): string {
  const hint = error instanceof LlemError ? error.hint : null
  return `${messageOf(error)}${hint === null ? '' : ` (${hint})`}`
}

/** The kernel's id of this boot, which a container shares. */
function bootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return null
  }
}
