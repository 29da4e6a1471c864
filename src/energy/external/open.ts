// The external meters of a measurement, together: started before it, read in every window of it, ended after it.

import { basename } from 'node:path'
import { LlemError } from '../../core/errors.js'
import type { ExternalScope } from '../../core/external-scopes.js'
import { shortened } from '../../core/foreign-text.js'
import type { ExternalEnergy } from '../../results/external.js'
import {
  ExternalMeter,
  type ExternalWindow,
  type ExternalWish,
  LONGEST_WAIT_MS,
  TERM_GRACE_MS,
} from './external-meter.js'

/** What a person asks for: in a configuration, or at the command line. */
export interface ExternalAsked {
  command: readonly string[]
  scope: ExternalScope
  name?: string | null
  accuracy_pct?: number | null
}

export interface OpenOptions {
  /** Gets what is waited for, once that takes more than a second, and what a person should know. */
  tell: (text: string) => void
  /** Gets each line that a meter writes to stderr. */
  log?: ((line: string) => void) | undefined
  signal?: AbortSignal | undefined
}

/** Open windows of all meters. */
export interface ExternalWindows {
  /** Always resolves. */
  end(): Promise<ExternalEnergy[]>
  cancel(): void
}

/** The first reading of a BMC that answers slowly. */
const FIRST_READING_MS = 20_000
const QUIET_MS = 1000

export class ExternalMeters {
  readonly #meters: readonly ExternalMeter[]
  readonly #tell: (text: string) => void

  private constructor(meters: readonly ExternalMeter[], tell: (text: string) => void) {
    this.#meters = meters
    this.#tell = tell
  }

  /**
   * Starts them and waits for their first readings, for 20 s at most: a window of one that says nothing has null and the
   * reason. Throws EXTERNAL_METER_NOT_STARTED where there is no such program.
   */
  static async open(
    asked: readonly ExternalAsked[],
    { tell, log, signal }: OpenOptions,
  ): Promise<ExternalMeters> {
    const meters = new ExternalMeters(
      wishesOf(asked).map((wish) => new ExternalMeter(wish, log)),
      tell,
    )
    try {
      await meters.#waitForFirst(signal)
    } catch (error) {
      await meters.close()
      throw error
    }
    return meters
  }

  begin(startNs: number, folder: string | null): ExternalWindows {
    const windows: ExternalWindow[] = this.#meters.map((meter) => meter.begin(startNs, folder))
    return {
      end: async () => {
        const endNs = Number(process.hrtime.bigint())
        const all = Promise.all(windows.map((window) => window.end(endNs)))
        return await this.#toldWhile(
          `the next reading of ${this.#names}, for ${LONGEST_WAIT_MS / 1000} s at most`,
          all,
        )
      },
      cancel: () => {
        for (const window of windows) window.cancel()
      },
    }
  }

  /** Ends them; always resolves. */
  async close(): Promise<void> {
    const closing = Promise.all(this.#meters.map((meter) => meter.close()))
    await this.#toldWhile(`the end of ${this.#names}, for ${TERM_GRACE_MS / 1000} s at most`, closing)
  }

  get #names(): string {
    return this.#meters.map(({ wish }) => wish.name).join(' and ')
  }

  async #waitForFirst(signal: AbortSignal | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    let stop: () => void = () => undefined
    const late = new Promise<void>((resolve) => {
      stop = resolve
      timer = setTimeout(resolve, FIRST_READING_MS)
    })
    signal?.addEventListener('abort', stop, { once: true })
    const all = Promise.all(this.#meters.map((meter) => meter.ready))
    await this.#toldWhile(
      `the first reading of ${this.#names}, for ${FIRST_READING_MS / 1000} s at most`,
      Promise.race([all, late]),
    )
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
    for (const { wish, over, refused, wasStarted } of this.#meters) {
      if (over === null) {
        if (refused !== null)
          this.#tell(`The external meter ${wish.name} says nothing so far (non-fatal): ${refused}.`)
        continue
      }
      if (!wasStarted)
        throw new LlemError(
          `The external meter ${shortened(wish.command[0] ?? '')} ${over.replace(/^it /, '')}`,
          {
            code: 'EXTERNAL_METER_NOT_STARTED',
            hint: 'Check its spelling and PATH; it is a program and its arguments, without a shell.',
            kind: 'usage',
          },
        )
      this.#tell(`The external meter ${wish.name} says nothing (non-fatal): ${over}.`)
    }
  }

  async #toldWhile<T>(what: string, work: Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.#tell(`Waiting for ${what}.`), QUIET_MS)
    try {
      return await work
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Each with a name of its own, as its file is called by it. */
export function wishesOf(asked: readonly ExternalAsked[]): ExternalWish[] {
  const names = asked.map(({ command, name }) => name ?? nameOf(command))
  return asked.map(({ command, scope, accuracy_pct }, at) => {
    const name = names[at] as string
    const isOther = names.indexOf(name) !== at
    return { name: isOther ? `${name}-${scope}` : name, scope, command, accuracyPct: accuracy_pct ?? null }
  })
}

/** `llem meter redfish ...` is redfish; else the name of the program, or of the script that it runs. A file is named by it too. */
export function nameOf(command: readonly string[]): string {
  const at = command.indexOf('meter')
  const isOwn = at > 0 && at <= 2 && OWN.test(basename(command[at - 1] ?? ''))
  const [program = '', ...args] = command
  const script = INTERPRETERS.test(basename(program)) ? args.find((word) => !word.startsWith('-')) : undefined
  const name = isOwn ? (command[at + 1] ?? 'meter') : basename(script ?? program).replace(/\.\w+$/, '')
  const safe = name
    .replace(/[^\w.-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, 40)
  return safe === '' ? 'meter' : safe
}

const OWN = /^llem(\.js)?$/
const INTERPRETERS = /^(node|python[\d.]*|bash|sh|perl|ruby)$/
