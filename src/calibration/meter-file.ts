// The readings of an external meter: a CSV file with a header, `time,watts` or `time,joules`. What the meter is stands in
// comments before it: `# scope: board`, `# standard_uncertainty_pct: 0.5`, `# certificate: ...`.

import { closest } from '../core/closest.js'
import { LlemError, messageOf } from '../core/errors.js'
import { listedProblems, shortened } from '../core/foreign-text.js'
import { limitedFile } from '../core/limited.js'
import { LIMITS } from '../core/limits.js'
import { SCOPES, type Scope } from '../results/calibration.js'

/** What the person said of the meter; it goes before what the file says. */
export interface MeterOptions {
  path: string
  scope?: Scope
  standardUncertaintyPct?: number
  certificate?: string
}

export interface MeterRecord {
  scope: Scope
  /** k = 1. */
  standardUncertaintyPct: number
  certificate: string | null
  quantity: 'watts' | 'joules'
  /** Seconds since 1970 by the meter's clock, rising. */
  timesS: number[]
  /** Watts, or joules since some moment. */
  values: number[]
}

const SCOPE_HINT = `a line "# scope: ${SCOPES.join(' | ')}", or --reference-scope`
const UNCERTAINTY_HINT =
  'a line "# standard_uncertainty_pct: 0.5" (k = 1, from its certificate), or --reference-uncertainty'
const ISO = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/
/** Years 2001 to 2286: milliseconds since 1970 are no seconds. */
const [FIRST_S, LAST_S] = [1e9, 1e10]

/** Reads the file. `hasBegun`: the meter has just begun to write. Throws REFERENCE_INVALID, which names every problem at once. */
export async function readMeterFile(
  options: MeterOptions,
  { hasBegun = false }: { hasBegun?: boolean } = {},
): Promise<MeterRecord> {
  const text = await limitedFile(options.path, LIMITS.meter_file_bytes).catch((error) => {
    throw invalid(`The meter's readings in ${options.path} cannot be read: ${messageOf(error)}`, error)
  })
  return meterRecord(text, options, hasBegun ? 0 : 2)
}

/** The same of its text, which has at least so many readings. */
export function meterRecord(text: string, options: MeterOptions, fewest = 2): MeterRecord {
  const reader = new Reader(options)
  const lines = text.replace(/^\uFEFF/, '').split('\n')
  // A logger may be in the middle of the last one.
  const isWhole = (index: number) => index < lines.length - 1
  lines.forEach((line, index) => {
    reader.take(line.trim(), index + 1, isWhole(index))
  })
  return reader.record(fewest)
}

class Reader {
  readonly #options: MeterOptions
  readonly #problems: string[] = []
  readonly #said = new Map<string, { text: string; line: number }>()
  #columns: { time: number; value: number; quantity: MeterRecord['quantity'] } | null | undefined
  readonly #timesS: number[] = []
  readonly #values: number[] = []

  constructor(options: MeterOptions) {
    this.#options = options
  }

  take(line: string, number: number, isWhole: boolean): void {
    if (line === '') return
    const complain = (problem: string) => {
      this.#problems.push(`line ${number}: ${problem}`)
    }
    if (line.length > LIMITS.meter_line_chars) {
      complain(`it is longer than ${LIMITS.meter_line_chars} characters`)
    } else if (line.startsWith('#')) {
      const [, key = '', said = ''] = /^#\s*([a-z_ ]+?)\s*[:=]\s*(.*)$/i.exec(line) ?? []
      this.#said.set(key.toLowerCase(), { text: said, line: number })
    } else if (this.#columns === undefined) {
      this.#columns = columnsOf(cellsOf(line), complain)
    } else if (this.#columns !== null) {
      this.#row(cellsOf(line), isWhole ? complain : () => undefined)
    }
  }

  #row(cells: readonly string[], complain: (problem: string) => void): void {
    if (!this.#columns) return
    const { time, value, quantity } = this.#columns
    const [said, amount] = [cells[time] ?? '', cells[value] ?? '']
    const [timeS, number] = [secondsOf(said), amount === '' ? Number.NaN : Number(amount)]
    const beforeS = this.#timesS.at(-1)
    const before = this.#values.at(-1)
    if (typeof timeS === 'string') complain(timeS)
    else if (!Number.isFinite(number) || number < 0)
      complain(`${quantity} is ${quoted(amount)}, not a number from 0 on`)
    else if (beforeS !== undefined && timeS <= beforeS)
      complain(`time ${quoted(said)} is not after that of the line before`)
    else if (quantity === 'joules' && before !== undefined && number < before)
      complain(`joules fall from ${before} to ${number}; a meter that began anew needs a file of its own`)
    else {
      this.#timesS.push(timeS)
      this.#values.push(number)
    }
  }

  record(fewest: number): MeterRecord {
    const [scope, standardUncertaintyPct] = [this.#scope(), this.#uncertainty()]
    const certificate = this.#options.certificate ?? this.#said.get('certificate')?.text ?? null
    const hasHeader = this.#columns !== undefined
    if (!hasHeader) this.#problems.push('it has no header; the first line is "time,watts" or "time,joules"')
    if (this.#columns && this.#timesS.length < fewest && this.#problems.length === 0)
      this.#problems.push(`it has ${this.#timesS.length} readings, fewer than ${fewest}`)
    if (this.#problems.length > 0 || scope === null || standardUncertaintyPct === null || !this.#columns)
      throw invalid(
        `${this.#options.path} has ${this.#problems.length} problems:\n${listedProblems(this.#problems)}`,
      )
    return {
      scope,
      standardUncertaintyPct,
      certificate: certificate === null || certificate === '' ? null : shortened(certificate, 500),
      quantity: this.#columns.quantity,
      timesS: this.#timesS,
      values: this.#values,
    }
  }

  #scope(): Scope | null {
    if (this.#options.scope !== undefined) return this.#options.scope
    const said = this.#said.get('scope')
    const scope = SCOPES.find((each) => each === said?.text.toLowerCase())
    if (scope !== undefined) return scope
    this.#problems.push(
      said === undefined
        ? `what the meter measures is not said: ${SCOPE_HINT}`
        : `line ${said.line}: scope is ${quoted(said.text)}; there are ${SCOPES.join(', ')}`,
    )
    return null
  }

  #uncertainty(): number | null {
    if (this.#options.standardUncertaintyPct !== undefined) return this.#options.standardUncertaintyPct
    const said = this.#said.get('standard_uncertainty_pct')
    const pct = said === undefined || said.text === '' ? Number.NaN : Number(said.text)
    if (pct > 0 && pct < 100) return pct
    this.#problems.push(
      said === undefined
        ? `how well the meter measures is not said: ${UNCERTAINTY_HINT}`
        : `line ${said.line}: standard_uncertainty_pct is ${quoted(said.text)}, not a number between 0 and 100`,
    )
    return null
  }
}

function cellsOf(line: string): string[] {
  return line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'))
}

/** Other columns are let through and ignored. Null where the file cannot be read. */
function columnsOf(names: readonly string[], complain: (problem: string) => void) {
  const lower = names.map((name) => name.toLowerCase())
  const [time, watts, joules] = ['time', 'watts', 'joules'].map((name) => lower.indexOf(name)) as [
    number,
    number,
    number,
  ]
  const missing = (name: string) => {
    const near = closest(name, lower)
    return `the header ${quoted(names.join(','))} has no column ${name}${near === null ? '' : ` (${near}?)`}`
  }
  if (time < 0) complain(missing('time'))
  if (watts < 0 && joules < 0) complain(`${missing('watts')} and none that is joules`)
  if (watts >= 0 && joules >= 0) complain('the header has watts and joules; one of them is enough')
  if (time < 0 || watts < 0 === joules < 0) return null
  const quantity = joules < 0 ? ('watts' as const) : ('joules' as const)
  return { time, value: Math.max(watts, joules), quantity }
}

/** Seconds since 1970, or what is wrong. */
function secondsOf(text: string): number | string {
  const number = text === '' ? Number.NaN : Number(text)
  const seconds = ISO.test(text) ? Date.parse(text.replace(' ', 'T')) / 1000 : number
  if (seconds >= FIRST_S && seconds < LAST_S) return seconds
  if (Number.isFinite(number)) return `time ${quoted(text)} is no moment in seconds since 1970`
  return `time ${quoted(text)} is neither seconds since 1970 nor like 2026-11-29T10:00:00.5Z, with its zone`
}

function quoted(text: string): string {
  return JSON.stringify(shortened(text))
}

function invalid(message: string, cause?: unknown): LlemError {
  return new LlemError(message, {
    code: 'REFERENCE_INVALID',
    hint: 'A file of a meter has a header "time,watts" or "time,joules" and a line for each reading.',
    kind: 'usage',
    cause,
  })
}
