// One external meter: a program that prints readings (protocol.ts) for as long as llem measures.

import { join } from 'node:path'
import type { ExternalScope } from '../../core/external-scopes.js'
import { shortened } from '../../core/foreign-text.js'
import { maskedArguments } from '../../core/secrets.js'
import type { ExternalEnergy } from '../../results/external.js'
import { guarded, isNotStarted } from '../../workers/guarded.js'
import { type WorkerEnd, WorkerProcess } from '../../workers/worker-process.js'
import { ClippedLines } from './clipped-lines.js'
import { PowerFilter } from './impossible.js'
import { LONGEST_LINE, type MeterLine, parseMeterLine, type Quantity, type Reading } from './protocol.js'
import { ReadingsFile, readingsFile } from './readings-file.js'
import { WindowIntegral } from './window-integral.js'

/** A meter that is to be read. */
export interface ExternalWish {
  name: string
  scope: ExternalScope
  /** The program and its arguments. */
  command: readonly string[]
  /** How far the meter itself may be off, in percent of what it shows (k = 2); null: as it says, or unknown. */
  accuracyPct: number | null
}

/** A window of it that is open. */
export interface ExternalWindow {
  /** The window ends now. Waits for the reading after it, and always resolves. */
  end(endNs: number): Promise<ExternalEnergy>
  /** Drops the window and its file. */
  cancel(): void
}

/** No meter of a node has so much to say, and reading it would cost what is measured its time. */
const MOST_LINES_A_SECOND = 5000
const MOST_BYTES_A_SECOND = MOST_LINES_A_SECOND * LONGEST_LINE
/** The reading after a window is waited for so long at most: whoever typed Ctrl-C waits too. */
export const LONGEST_WAIT_MS = 2500
const SHORTEST_WAIT_MS = 500
/** SIGTERM comes at once; a meter may have to log out of what it reads. With the wait above it is less than 5 s. */
const GRACE_MS = 50
export const TERM_GRACE_MS = 2000
const KEPT_UPDATES = 4
/** With so many lines that are none, and no reading for so long after the first of them, it is not waited for. */
const REFUSED_LINES = 3
const REFUSED_MS = 2000
/** A character of UTF-8 has at most so many bytes. */
const BYTES_A_CHARACTER = 4

export class ExternalMeter {
  readonly wish: ExternalWish
  readonly #process: WorkerProcess
  readonly #windows = new Set<OpenWindow>()
  readonly #firstReading: Promise<void>
  #onFirst: () => void = () => undefined
  #quantity: Quantity | null = null
  #times: 'meter' | 'arrival' | null = null
  #accuracyPct: number | null
  #printsNewOnly = false
  #isMeans = false
  readonly #filter = new PowerFilter()
  /** The latest new values, and the latest reading. */
  #updates: Reading[] = []
  #latest: Reading | null = null
  #badLines = 0
  #badLineReason: string | null = null
  readonly #lines = new ClippedLines(LONGEST_LINE * BYTES_A_CHARACTER)
  #firstBadMs: number | null = null
  #givingUp: NodeJS.Timeout | null = null
  #second = { startNs: 0, lines: 0, bytes: 0 }
  /** Why it says nothing any more. */
  #over: string | null = null
  #isClosing = false
  #wasStarted = true

  constructor(wish: ExternalWish, log?: (line: string) => void) {
    this.wish = wish
    this.#accuracyPct = wish.accuracyPct
    this.#firstReading = new Promise((resolve) => {
      this.#onFirst = resolve
    })
    this.#process = new WorkerProcess(guarded(wish.command), {
      lines: { push: (chunk) => this.#linesOf(chunk) },
      onLine: (line) => this.#onLine(line),
      onGarbled: () => undefined,
      log,
    })
    void this.#process.ended.then((end) => this.#onEnd(end))
  }

  /** Resolves with its first reading, or with its end; whoever cannot wait so long has to race it. */
  get ready(): Promise<void> {
    return this.#firstReading
  }

  /** Why it has ended; null while it runs. */
  get over(): string | null {
    return this.#over
  }

  /** Why it has no reading although it prints; null where it has one, or has printed nothing. */
  get refused(): string | null {
    return this.#latest === null && this.#badLines > 0 ? this.#whySilent() : null
  }

  /** False where there is no such program, or it cannot be started. */
  get wasStarted(): boolean {
    return this.#wasStarted
  }

  /** `folder`: where its readings go; null: nowhere. */
  begin(startNs: number, folder: string | null): ExternalWindow {
    const file = folder === null ? null : new ReadingsFile(join(folder, readingsFile(this.wish.name)))
    const window = new OpenWindow(startNs, file)
    this.#windows.add(window)
    if (this.#quantity !== null) this.#openIntegral(window, this.#quantity)
    return {
      end: async (endNs) => {
        window.end(endNs)
        await this.#closed(window)
        this.#windows.delete(window)
        return this.#energyOf(window, endNs)
      },
      cancel: () => {
        this.#windows.delete(window)
        file?.drop()
      },
    }
  }

  /** Ends it; always resolves. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#process.end(GRACE_MS, TERM_GRACE_MS)
  }

  /** Until the reading after the window is there, or nobody can wait for it any longer. */
  async #closed(window: OpenWindow): Promise<void> {
    if (this.#over !== null || window.isClosed || this.#latest === null) return
    const periodMs = (window.periodNs ?? 0) / 1e6
    const limitMs = Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, 2 * periodMs))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs)
    })
    await Promise.race([window.closed, late, this.#process.ended])
    clearTimeout(timer)
  }

  #energyOf(window: OpenWindow, endNs: number): ExternalEnergy {
    const { name, scope, command } = this.wish
    const said = window.result()
    const accuracyPct = this.#accuracyPct
    const lost = this.#whyLost(window, endNs)
    const why = said === null || said.reason === null ? null : `${said.reason}${window.refusals}`
    const reason = lost ?? why ?? (said === null ? this.#whySilent() : null)
    const isKnown = reason === null && said !== null && said.energyJ !== null
    const path = window.endFile() ? readingsFile(name) : null
    return {
      ...{ name, scope, command: maskedArguments(command), quantity: this.#quantity },
      energy_j: isKnown ? said.energyJ : null,
      uncertainty_j: isKnown ? withAccuracy(said.energyJ, said.uncertaintyJ, accuracyPct) : null,
      accuracy_pct: accuracyPct,
      mean_power_w: isKnown ? said.meanPowerW : null,
      coverage: said?.coverage ?? null,
      readings: said?.readings ?? 0,
      updates: said?.updates ?? 0,
      update_period_ms: said?.updatePeriodMs ?? null,
      times: this.#times,
      prints_new_only: this.#printsNewOnly,
      means: this.#isMeans,
      bad_lines: this.#badLines,
      bad_line_reason: this.#badLineReason,
      window: { start_ns: window.startNs, end_ns: endNs },
      reason,
      readings_path: path,
    }
  }

  /** What it lost in the window, whatever its readings say. */
  #whyLost(window: OpenWindow, endNs: number): string | null {
    if (this.#over === null || window.isClosed || (this.#latest?.tNs ?? 0) > endNs) return null
    return this.#over
  }

  #whySilent(): string {
    const first =
      this.#badLineReason === null ? '' : `; of ${this.#badLines} lines the first is ${this.#badLineReason}`
    const said = lastWords(this.#process.stderr.text, 1)
    return `it has printed no reading${first}${said === null ? '' : `; its last words: ${said}`}`
  }

  #onLine(line: string): void {
    if (this.#over !== null || line.trim() === '') return
    const arrival = { ns: Number(process.hrtime.bigint()), unixMs: Date.now() }
    const said = parseMeterLine(line, arrival)
    const why =
      said.kind === 'bad' ? said.why : said.kind === 'hello' ? this.#hello(said) : this.#reading(said)
    if (why === null) return
    this.#badLines += 1
    this.#badLineReason ??= why
    for (const window of this.#windows) window.refuse(why)
    if (this.#latest === null) this.#giveUpSoon()
  }

  /** Whoever waits for the first reading waits no longer, where all that comes is refused. */
  #giveUpSoon(): void {
    this.#firstBadMs ??= performance.now()
    if (this.#badLines < REFUSED_LINES || this.#givingUp !== null) return
    const leftMs = Math.max(0, this.#firstBadMs + REFUSED_MS - performance.now())
    this.#givingUp = setTimeout(() => this.#onFirst(), leftMs)
    this.#givingUp.unref()
  }

  /** What is wrong with it; null where nothing is. */
  #hello({ accuracyPct, printsNewOnly, isMeans }: MeterLine & { kind: 'hello' }): string | null {
    if (this.#quantity !== null) return 'what the meter is stands before its readings'
    this.#accuracyPct ??= accuracyPct
    this.#printsNewOnly = printsNewOnly
    this.#isMeans = isMeans
    return null
  }

  #reading({ quantity, times, tNs, value }: MeterLine & { kind: 'reading' }): string | null {
    this.#quantity ??= quantity
    this.#times ??= times
    if (quantity !== this.#quantity) return 'some lines have w and some have j'
    if (times !== this.#times) return 'some lines have t_ns and some have none'
    const latest = this.#latest
    if (latest !== null && tNs < latest.tNs) return 'its times go backwards'
    if (latest === null || tNs > latest.tNs) {
      const why = quantity === 'power' ? this.#filter.whyNot(value) : null
      if (why !== null) return why
      this.#take({ tNs, value }, quantity)
    }
    // The same reading once more is none.
    else if (value !== latest.value) return 'two readings are of the same moment'
    return null
  }

  #take(reading: Reading, quantity: Quantity): void {
    const before = this.#latest
    this.#latest = reading
    if (before === null) this.#onFirst()
    for (const window of this.#windows) {
      if (window.isOpened) window.push(quantity, reading)
      else {
        this.#openIntegral(window, quantity)
        if (before === null) window.push(quantity, reading)
      }
    }
    // A counter that began anew before a window is a new counter.
    if (quantity === 'energy' && before !== null && reading.value < before.value) this.#updates = []
    if (before === null || this.#printsNewOnly || reading.value !== before.value)
      this.#updates = [...this.#updates, reading].slice(-KEPT_UPDATES)
  }

  /** With what was read before it, as far as that tells of its beginning. */
  #openIntegral(window: OpenWindow, quantity: Quantity): void {
    window.open(
      new WindowIntegral({
        quantity,
        startNs: window.startNs,
        printsNewOnly: this.#printsNewOnly,
        isMeans: this.#isMeans,
        isStampedHere: this.#times === 'arrival',
      }),
    )
    const known = [...this.#updates]
    const { tNs = 0 } = known.at(-1) ?? {}
    if (this.#latest !== null && known.length > 0 && this.#latest.tNs > tNs) known.push(this.#latest)
    for (const reading of known) window.push(quantity, reading)
  }

  /** The lines of a chunk; none once there were too many. */
  #linesOf(chunk: Buffer): string[] {
    if (this.#over !== null) return []
    const ns = Number(process.hrtime.bigint())
    if (ns - this.#second.startNs > 1e9) this.#second = { startNs: ns, lines: 0, bytes: 0 }
    const lines = this.#lines.push(chunk)
    this.#second.lines += lines.length
    this.#second.bytes += chunk.length
    const isMany = this.#second.lines > MOST_LINES_A_SECOND
    if (!isMany && this.#second.bytes <= MOST_BYTES_A_SECOND) return lines
    const what = isMany ? `${MOST_LINES_A_SECOND} lines` : `${MOST_BYTES_A_SECOND / 1e6} MB`
    this.#end(`it printed more than ${what} in a second, and was ended`)
    this.#process.kill('SIGKILL')
    return []
  }

  #onEnd({ what, exitCode }: WorkerEnd): void {
    this.#wasStarted = !isNotStarted(exitCode)
    const words = lastWords(this.#process.stderr.text, 3)
    const told = words === null ? 'it wrote nothing to stderr' : `its last words: ${shortened(words, 400)}`
    this.#end(
      this.#isClosing ? 'it was closed' : `it ${this.#wasStarted ? what : 'could not be started'}; ${told}`,
    )
  }

  #end(why: string): void {
    this.#over ??= why
    this.#onFirst()
  }
}

class OpenWindow {
  readonly startNs: number
  readonly #file: ReadingsFile | null
  readonly closed: Promise<void>
  #onClosed: () => void = () => undefined
  #integral: WindowIntegral | null = null
  #endNs: number | null = null
  readonly #refused: { count: number; first: string | null } = { count: 0, first: null }

  constructor(startNs: number, file: ReadingsFile | null) {
    this.startNs = startNs
    this.#file = file
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve
    })
  }

  get isOpened(): boolean {
    return this.#integral !== null
  }

  get isClosed(): boolean {
    return this.#integral?.isClosed ?? false
  }

  get periodNs(): number | null {
    return this.#integral?.periodNs ?? null
  }

  open(integral: WindowIntegral): void {
    this.#integral = integral
    if (this.#endNs !== null) integral.end(this.#endNs)
  }

  push(quantity: Quantity, reading: Reading): void {
    if (this.isClosed) return
    this.#integral?.push(reading)
    this.#file?.add(quantity, reading)
    if (this.isClosed) this.#onClosed()
  }

  end(endNs: number): void {
    this.#endNs = endNs
    this.#integral?.end(endNs)
  }

  refuse(why: string): void {
    this.#refused.count += 1
    this.#refused.first ??= why
  }

  /** How many lines were no reading while it was open, as the end of a sentence. */
  get refusals(): string {
    const { count, first } = this.#refused
    return count === 0
      ? ''
      : `; ${count} ${count === 1 ? 'line in it was' : 'lines in it were'} refused: ${first}`
  }

  /** Null where not one reading came. */
  result() {
    return this.#integral?.result() ?? null
  }

  /** Whether its file has all of its readings; without one there is no file. */
  endFile(): boolean {
    if (this.#file === null) return false
    if (this.#integral !== null) return this.#file.end()
    this.#file.drop()
    return false
  }
}

/** Of Python, Node and others: where something was thrown, the arrow below it, and what ran it. */
const NO_WORDS = /^\s+at |^[\s^~]*$|^Node\.js v/

/** The last lines on one line, without the frames of a stack, whose message stands above them; null without any. */
function lastWords(text: string, count: number): string | null {
  const lines = text.split('\n').filter((line) => !NO_WORDS.test(line))
  return lines.length === 0 ? null : lines.slice(-count).join(' | ')
}

/** The joules may be off by what the meter's times hide, and by what the meter itself is off. */
export function withAccuracy(
  energyJ: number | null,
  uncertaintyJ: number | null,
  accuracyPct: number | null,
): number | null {
  if (energyJ === null || uncertaintyJ === null) return null
  return Math.hypot(uncertaintyJ, (energyJ * (accuracyPct ?? 0)) / 100)
}
