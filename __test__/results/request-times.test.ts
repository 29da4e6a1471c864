import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readRequestTimes, writeRequestEnergies } from '../../dist/results/request-times.js'
import { scratchFolder } from '../native/scenario.js'

const LINES = [
  { index: 1, input_tokens: 7, output_tokens: 3, start_ns: 1e9, end_ns: 3e9, ttft_ms: 500, itl_ms: null },
  { index: 0, input_tokens: 9, output_tokens: 0, start_ns: 2e9, end_ns: 4e9, ttft_ms: null, itl_ms: null },
  { index: 2, code: 'TIMEOUT', message: 'no\u2028answer', start_ns: 3e9, end_ns: 9e9 },
]

function fileOf(lines: readonly unknown[]): string {
  const path = join(scratchFolder(), 'requests.jsonl')
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return path
}

describe('requests.jsonl', () => {
  it('is read as columns, a request that came to nothing too', async () => {
    const { times, energies } = await readRequestTimes(fileOf(LINES))
    expect(times).toEqual({
      count: 3,
      startNs: Float64Array.of(1e9, 2e9, 3e9),
      firstTokenNs: Float64Array.of(1.5e9, Number.NaN, Number.NaN),
      endNs: Float64Array.of(3e9, 4e9, 9e9),
      inputTokens: Float64Array.of(7, 9, 0),
      outputTokens: Float64Array.of(3, 0, 0),
      failed: Uint8Array.of(0, 0, 1),
    })
    expect(energies).toBeNull()
  })

  it('gets the energies, and nothing else in it changes', async () => {
    const path = fileOf(LINES)
    await writeRequestEnergies(path, Float64Array.of(12.5, Number.NaN, 0.1 + 0.2))
    const written = readFileSync(path, 'utf8').trimEnd().split('\n')
    expect(written.map((line) => JSON.parse(line))).toEqual([
      { ...LINES[0], energy_j: 12.5 },
      { ...LINES[1], energy_j: null },
      { ...LINES[2], energy_j: 0.1 + 0.2 },
    ])
    expect((await readRequestTimes(path)).energies).toEqual(Float64Array.of(12.5, Number.NaN, 0.1 + 0.2))
    expect(existsSync(`${path}.partial`)).toBe(false)
  })

  it('gets the same energies again, as after a run that was cut off', async () => {
    const path = fileOf(Array.from({ length: 2500 }, (_, at) => ({ ...LINES[0], index: at })))
    const energies = Float64Array.from({ length: 2500 }, (_, at) => at / 3)
    await writeRequestEnergies(path, energies)
    const once = readFileSync(path, 'utf8')
    await writeRequestEnergies(path, energies)
    expect(readFileSync(path, 'utf8')).toBe(once)
    expect((await readRequestTimes(path)).energies).toEqual(energies)
  })

  it('is left as it was where it has other lines than energies', async () => {
    const path = fileOf(LINES)
    const before = readFileSync(path, 'utf8')
    await expect(writeRequestEnergies(path, Float64Array.of(1, 2))).rejects.toThrow(
      '3 lines where 2 were read',
    )
    expect(readFileSync(path, 'utf8')).toBe(before)
    expect(existsSync(`${path}.partial`)).toBe(false)
  })

  it.for(['{"start_ns": 1', '{"start_ns": 1}', '[]'])('that is damaged is an error: %s', async (text) => {
    const path = join(scratchFolder(), 'requests.jsonl')
    writeFileSync(path, `${text}\n`)
    await expect(readRequestTimes(path)).rejects.toMatchObject({ code: 'FILE_DAMAGED' })
  })
})
