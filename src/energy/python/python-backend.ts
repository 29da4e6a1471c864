import type { z } from 'zod'
import type { EnergyBackendName } from '../../core/energy-backends.js'
import { LlemError, messageOf } from '../../core/errors.js'
import { isOfSysfs } from '../../native/sysfs.js'
import type { PythonPackage } from '../../python/packages.js'
import { Worker } from '../../workers/worker.js'
import type {
  Availability,
  BackendWindow,
  EnergyBackend,
  EnergyMeasurement,
  HelperLimits,
  Surroundings,
} from '../backends/backend.js'
import { helperCommand } from './helper-command.js'
import {
  type Edge,
  edgeSchema,
  endedSchema,
  HELPER_PROTOCOL,
  helloSchema,
  openedSchema,
} from './helper-protocol.js'
import { findInterpreter } from './interpreter.js'

const LIMITS: HelperLimits = { helloMs: 60_000, openMs: 30_000, edgeMs: 15_000 }

/** A window of a helper process. */
interface HelperWindow extends BackendWindow {
  edge: Edge
}

/** A backend that is a Python package, in a helper process of its own: one for each experiment. */
export class PythonBackend implements EnergyBackend {
  readonly name: EnergyBackendName
  readonly #package: PythonPackage
  readonly #options: Record<string, unknown>
  readonly #surroundings: Surroundings
  readonly #limits: HelperLimits
  readonly #hasCpu: boolean
  #helper: Worker | null = null
  #availability: Availability | null = null

  /**
   * `options`: what the helper is told beside the devices, in snake case. `hasCpu`: where no GPU is found, it can tell the
   * energy of the CPU in its place.
   */
  constructor(
    name: EnergyBackendName,
    installed: PythonPackage,
    options: Record<string, unknown>,
    surroundings: Surroundings,
    { hasCpu = false }: { hasCpu?: boolean } = {},
  ) {
    this.#hasCpu = hasCpu
    this.name = name
    this.#package = installed
    this.#options = options
    this.#surroundings = surroundings
    this.#limits = { ...LIMITS, ...surroundings.limits }
  }

  get helperPid(): number | undefined {
    return this.#helper?.pid
  }

  /** Starts nothing where nothing is installed. */
  async isAvailable(): Promise<Availability> {
    this.#availability ??= await this.#open()
    return this.#availability
  }

  async startTracking(): Promise<HelperWindow> {
    const edge = await this.#call('begin', {}, edgeSchema, this.#limits.edgeMs)
    return { backend: this.name, start_ns: middleOf(edge), edge }
  }

  async stopTracking(window: HelperWindow): Promise<EnergyMeasurement> {
    const ended = await this.#call('end', {}, endedSchema, this.#limits.edgeMs)
    const end_ns = middleOf(ended)
    const { method, samples, per_gpu_j, domains, emissions } = ended
    const domain = this.#surroundings.uuids === null ? 'cpu' : 'gpu'
    const cpuJ = domains.find((each) => each.domain === 'cpu')?.energy_j ?? null
    return {
      domain,
      total_j: domain === 'cpu' ? cpuJ : ended.gpu_j,
      duration_sec: (end_ns - window.start_ns) / 1e9,
      samples,
      per_gpu_j,
      method,
      uncertainty_j: null,
      window: { start_ns: window.start_ns, end_ns },
      edges_s: (halfWidthOf(window.edge) + halfWidthOf(ended)) / 1e9,
      domains,
      emissions,
      versions: this.#availability?.available ? this.#availability.versions : {},
    }
  }

  async close(): Promise<void> {
    await this.#helper?.close()
  }

  async #open(): Promise<Availability> {
    const { python, dataDir, libraryPath, native, uuids, log, signal } = this.#surroundings
    const interpreter = findInterpreter(this.name, this.#package.version, { python, dataDir })
    if (interpreter === null) return unavailable(`${this.name} is not installed`, this.#installHint())
    const others = (native.opened?.devices ?? []).filter(isOfSysfs)
    if (uuids !== null && others.length > 0)
      return unavailable(
        `${this.name} reads NVIDIA's GPUs only, and GPU ${others.map(({ index }) => index).join(' and GPU ')} is measured too`,
        'Choose devices of NVIDIA alone with energy.devices.',
      )
    if (uuids === null && !this.#hasCpu)
      return unavailable(native.reason ?? 'there is no GPU', native.reason && native.hint)
    this.#helper = new Worker(helperCommand(this.name, interpreter.python, libraryPath), { log })
    try {
      const hello = await this.#call(
        'hello',
        { protocol: HELPER_PROTOCOL },
        helloSchema,
        this.#limits.helloMs,
        signal,
      )
      const wanted = { uuids: uuids ?? [], options: this.#options }
      await this.#call('open', wanted, openedSchema, this.#limits.openMs, signal)
      return { available: true, versions: hello.versions }
    } catch (error) {
      await this.close()
      // Nobody waits for an answer any more.
      if (signal?.aborted) throw error
      const isMissing = error instanceof LlemError && error.code.startsWith('PACKAGE_')
      const hint = error instanceof LlemError ? error.hint : null
      return unavailable(messageOf(error), isMissing ? this.#installHint() : hint)
    }
  }

  #installHint(): string {
    const { python } = this.#surroundings
    const install = `Install it with \`llem backend install ${this.name}\``
    return python === null ? `${install}.` : `${install} and leave python unset, or install it for ${python}.`
  }

  #call<T>(
    verb: string,
    body: Record<string, unknown>,
    schema: z.ZodType<T>,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<T> {
    if (this.#helper === null)
      throw new Error(`${this.name} has a window open before it was asked whether it is available`)
    return this.#helper.call(verb, body, { schema, timeoutMs, signal })
  }
}

function unavailable(reason: string, hint: string | null): Availability {
  return { available: false, reason, hint }
}

function middleOf({ before_ns, after_ns }: Edge): number {
  return Math.round((before_ns + after_ns) / 2)
}

function halfWidthOf({ before_ns, after_ns }: Edge): number {
  return (after_ns - before_ns) / 2
}
