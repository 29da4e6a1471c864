// The containers of a campaign: which were there before, which it has started, and that it stops those and no others.

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { LlemError, messageOf } from '../core/errors.js'
import { writeJsonAtomically } from '../results/files.js'
import { execCommand, orderLine, type Service } from '../workers/service.js'
import type { Compose, Inspected } from './compose.js'

const LOOK_EVERY_MS = 250
const LOOK_MS = 60_000
const SWEEP_MS = 30_000
/** Compose kills a container that does not stop within its own grace, 10 s by default. */
const STOP_MS = 120_000
/** Compose itself needs half a second. */
const STOP_TOLD_MS = 1500

const recordSchema = z.object({ started: z.array(z.string()) })

const seenSchema = z.object({
  boot_id: z.string().nullable(),
  missing: z.array(z.string()),
})

export interface ServiceOptions {
  /** The interpreter inside. */
  python: string
  /** Variables that workers get from llem's environment. */
  env: readonly string[]
  /** How long a service may take to be ready, its image's download included. */
  startTimeoutMs: number
}

export interface Waiting {
  signal: AbortSignal | undefined
  /** Called with what is waited for. */
  tell: (text: string) => void
}

export class Services {
  readonly compose: Compose
  readonly #recordPath: string
  readonly #mark: string
  readonly #options: ServiceOptions
  /** Those that the campaign has started, in this run of it or in one that was killed. */
  #started: Set<string>
  /** The ids of those that were ready. */
  readonly #containers = new Map<string, string>()

  /** `dir`: the campaign's folder. `mark`: tells the campaign's processes from others. */
  constructor(compose: Compose, dir: string, mark: string, options: ServiceOptions) {
    this.compose = compose
    this.#recordPath = join(dir, 'services.json')
    this.#mark = mark
    this.#options = options
    this.#started = new Set(readRecord(this.#recordPath))
  }

  /**
   * Resolves with the service once its container runs and, where it has a health check, is healthy; starts it where it
   * does not run. Throws DOCKER_FAILED, SERVICE_NOT_READY or ABORTED.
   */
  async ready(name: string, waiting: Waiting): Promise<Service> {
    const known = await this.#known(name)
    if (known !== null && isWell(known)) return this.#described(name, known)
    const before = await this.compose.running()
    if (!before.includes(name)) await this.#start(name, before, waiting)
    const container = await this.#healthy(name, waiting)
    this.#containers.set(name, container.Id)
    return this.#described(name, container)
  }

  /** Ends what the campaign has left in a service, and says from inside what cannot be seen there, and on which machine. */
  async sweepAndLook(service: Service, paths: readonly string[]): Promise<z.infer<typeof seenSchema>> {
    const order = { sweep: this.#mark, spare_kept: false, look: paths }
    return seenSchema.parse(JSON.parse(await this.#ask(service, order, LOOK_MS)))
  }

  /** Whether the container of a service runs, is not unhealthy, and a program can be run in it within the time. */
  async responds(service: Service, timeoutMs: number): Promise<boolean> {
    const container = await this.compose.inspect(service.container_id).catch(() => null)
    if (container === null || !container.State.Running || isUnhealthy(container)) return false
    return this.#ask(service, { look: [] }, timeoutMs).then(
      () => true,
      () => false,
    )
  }

  /**
   * Ends what the campaign has left in a service; `spareKept`: but for what is kept loaded, whose keeper lives. Throws
   * SERVICE_UNUSABLE.
   */
  async sweep(service: Service, { spareKept = false } = {}): Promise<void> {
    await this.#ask(service, { sweep: this.#mark, spare_kept: spareKept }, SWEEP_MS)
  }

  /** Restarts the container of a service and waits until it is ready. Throws what `ready` throws. */
  async restart(name: string, waiting: Waiting): Promise<Service> {
    waiting.tell(`restarting service ${name}`)
    await this.compose.run(['restart', name], {
      timeoutMs: this.#options.startTimeoutMs,
      signal: waiting.signal,
    })
    return this.ready(name, waiting)
  }

  /** Whether the campaign has started it. */
  owns(name: string): boolean {
    return this.#started.has(name)
  }

  /**
   * Stops those that the campaign has started; `late` is called with them where that takes longer than a moment. Throws
   * DOCKER_FAILED; then the next run of the campaign stops them.
   */
  async stop(late: (names: readonly string[]) => void = () => undefined): Promise<void> {
    if (this.#started.size === 0) return
    const names = [...this.#started]
    const timer = setTimeout(() => late(names), STOP_TOLD_MS)
    await this.compose.run(['stop', ...names], { timeoutMs: STOP_MS }).finally(() => clearTimeout(timer))
    this.#started = new Set()
    rmSync(this.#recordPath, { force: true })
  }

  async #start(name: string, before: readonly string[], { signal, tell }: Waiting): Promise<void> {
    tell(`starting service ${name}`)
    // Written first: whoever is killed in between has started it all the same.
    await this.#record([name])
    await this.compose.run(['up', '-d', name], { timeoutMs: this.#options.startTimeoutMs, signal })
    // With it came what it depends on.
    await this.#record((await this.compose.running()).filter((each) => !before.includes(each)))
  }

  async #record(names: readonly string[]): Promise<void> {
    for (const name of names) this.#started.add(name)
    await writeJsonAtomically(this.#recordPath, { started: [...this.#started] })
  }

  /** The container that was ready before, null where it is not there any more. */
  async #known(name: string): Promise<Inspected | null> {
    const id = this.#containers.get(name)
    return id === undefined ? null : this.compose.inspect(id).catch(() => null)
  }

  async #healthy(name: string, { signal, tell }: Waiting): Promise<Inspected> {
    const startMs = performance.now()
    for (;;) {
      const container = await this.compose.container(name)
      if (container !== null && isWell(container)) return container
      const state = container?.State
      const health = state?.Health?.Status ?? null
      if (state?.Running === false) throw this.#notReady(name, `ended with exit code ${state.ExitCode}`)
      // Compose's own --wait gives up here too.
      if (container !== null && isUnhealthy(container)) throw this.#notReady(name, 'is unhealthy')
      const seconds = Math.round((performance.now() - startMs) / 1000)
      if (seconds * 1000 > this.#options.startTimeoutMs)
        throw this.#notReady(name, `was ${health ?? 'not there'} after ${seconds} s`)
      tell(`waiting for service ${name} (${seconds}s)${health === null ? '' : `: ${health}`}`)
      await sleep(LOOK_EVERY_MS, undefined, signal === undefined ? {} : { signal })
    }
  }

  #notReady(name: string, how: string): LlemError {
    const by = this.compose.command.join(' ')
    return new LlemError(`service ${name} ${how}`, {
      code: 'SERVICE_NOT_READY',
      hint: `Look at its log: ${by} logs ${name}. It must stay up by itself, e.g. with \`command: sleep infinity\`.`,
    })
  }

  #described(name: string, { Id, Image, Config, HostConfig, NetworkSettings }: Inspected): Service {
    const isOnHost = HostConfig.NetworkMode === 'host'
    const inside = Object.values(NetworkSettings.Networks).find(({ IPAddress }) => IPAddress !== '')
    return {
      name,
      compose: [...this.compose.command],
      container_id: Id,
      image: Config.Image,
      image_id: Image,
      address: isOnHost ? '127.0.0.1' : (inside?.IPAddress ?? '127.0.0.1'),
      listen: isOnHost ? '127.0.0.1' : '0.0.0.0',
      python: this.#options.python,
      mark: this.#mark,
      env: [...this.#options.env],
    }
  }

  async #ask(service: Service, order: Record<string, unknown>, timeoutMs: number): Promise<string> {
    const command = execCommand(service).slice(this.compose.command.length)
    return this.compose
      .run(command, { input: `${orderLine(order)}\n`, timeoutMs })
      .catch((error: unknown) => {
        throw new LlemError(`no program can be run in service ${service.name}: ${toldBy(error)}`, {
          code: 'SERVICE_UNUSABLE',
          hint: `Its image needs a Python 3 named ${service.python} (docker.python), and its container must stay up.`,
          cause: error,
        })
      })
  }
}

/** A container without a health check is well as long as it runs. */
function isWell({ State }: Inspected): boolean {
  const health = State.Health?.Status ?? 'none'
  return State.Running && (health === 'healthy' || health === 'none')
}

function isUnhealthy({ State }: Inspected): boolean {
  return State.Health?.Status === 'unhealthy'
}

/** What the client said, without the program that it was given. */
function toldBy(error: unknown): string {
  const { cause } = error instanceof Error ? error : { cause: null }
  const said =
    cause !== null && typeof cause === 'object' && 'stderr' in cause ? String(cause.stderr).trim() : ''
  return said === '' ? (messageOf(error).split('\n')[0] ?? '') : said.split('\n').slice(-2).join(' ')
}

/** What a killed run of the campaign has left running; nothing where that cannot be read. */
function readRecord(path: string): string[] {
  try {
    return existsSync(path) ? recordSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).started : []
  } catch {
    return []
  }
}
