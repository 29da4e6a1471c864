// requests.jsonl as columns, so that a hundred thousand requests are a few megabytes; and the same file with the energy
// of each request in it.

import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { LlemError, messageOf } from '../core/errors.js'

/** When each request ran, in the order of the lines; nanoseconds of the monotonic clock. */
export interface RequestTimes {
  count: number
  startNs: Float64Array
  /** NaN where the first token was not observed. */
  firstTokenNs: Float64Array
  endNs: Float64Array
  /** NaN where a server does not tell. */
  inputTokens: Float64Array
  outputTokens: Float64Array
  /** 1 for a request that came to nothing. */
  failed: Uint8Array
}

/** A line, as far as it is read here. One of a request that came to nothing has a code instead of tokens. */
export interface TimedLine {
  start_ns: number
  end_ns: number
  ttft_ms?: number | null
  input_tokens?: number | null
  output_tokens?: number
  code?: string
  /** What was written by {@link writeRequestEnergies}. */
  energy_j?: number | null
}

/** Lines -> columns. A line without times is an error of the file. */
export function timesOf(lines: readonly TimedLine[]): RequestTimes {
  const column = (value: (line: TimedLine) => number) => Float64Array.from(lines, value)
  return {
    count: lines.length,
    startNs: column(({ start_ns }) => start_ns),
    firstTokenNs: column(({ start_ns, end_ns, ttft_ms }) =>
      ttft_ms == null ? Number.NaN : Math.min(end_ns, start_ns + ttft_ms * 1e6),
    ),
    endNs: column(({ end_ns }) => end_ns),
    inputTokens: column(({ input_tokens, code }) => input_tokens ?? (code === undefined ? Number.NaN : 0)),
    outputTokens: column(({ output_tokens }) => output_tokens ?? 0),
    failed: Uint8Array.from(lines, ({ code }) => (code === undefined ? 0 : 1)),
  }
}

/** Reads the times of a requests.jsonl, and the energies where it has them. Throws FILE_DAMAGED. */
export async function readRequestTimes(
  path: string,
): Promise<{ times: RequestTimes; energies: Float64Array | null }> {
  const lines: TimedLine[] = []
  for await (const line of linesOf(path)) {
    // The columns alone, so that a long list of lines is not kept whole.
    const { start_ns, end_ns, ttft_ms, input_tokens, output_tokens, code, energy_j } = parse(path, line)
    lines.push({ start_ns, end_ns, ttft_ms, input_tokens, output_tokens, code, energy_j } as TimedLine)
  }
  const hasEnergies = lines.length > 0 && lines.every(({ energy_j }) => energy_j !== undefined)
  return {
    times: timesOf(lines),
    energies: hasEnergies ? Float64Array.from(lines, ({ energy_j }) => energy_j ?? Number.NaN) : null,
  }
}

/**
 * Writes `energy_j` into each line of a requests.jsonl, null for NaN: to a file beside it, fsync, rename, so that the
 * file is always whole. `energies`: in the order of the lines.
 */
export async function writeRequestEnergies(path: string, energies: Float64Array): Promise<void> {
  const partial = `${path}.partial`
  try {
    const file = await open(partial, 'w')
    try {
      let position = 0
      let batch: string[] = []
      for await (const line of linesOf(path)) {
        const joules = energies[position++] ?? Number.NaN
        batch.push(JSON.stringify({ ...parse(path, line), energy_j: Number.isNaN(joules) ? null : joules }))
        if (batch.length < LINES_AT_ONCE) continue
        await file.write(`${batch.join('\n')}\n`)
        batch = []
      }
      if (position !== energies.length)
        throw new Error(`it has ${position} lines where ${energies.length} were read`)
      if (batch.length > 0) await file.write(`${batch.join('\n')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined)
    throw error
  }
}

const LINES_AT_ONCE = 1000

/** Not by node:readline, which also cuts at U+2028 and U+2029: the message of a failed request may hold them. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of createReadStream(path, 'utf8')) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') yield line
  }
  if (rest !== '') yield rest
}

function parse(path: string, text: string): TimedLine {
  try {
    const line: TimedLine = JSON.parse(text)
    if (!Number.isFinite(line.start_ns) || !Number.isFinite(line.end_ns))
      throw new Error('a line has no times')
    return line
  } catch (cause) {
    throw new LlemError(`${path} cannot be read: ${messageOf(cause)}.`, {
      code: 'FILE_DAMAGED',
      hint: null,
      cause,
    })
  }
}
