// The real llama-bench under `llem attach`, in all formats that it prints and llem reads.

import { join } from 'node:path'
import { beforeAll, describe, expect, it, type TestContext, vi } from 'vitest'
import { BUILD_TIMEOUT_MS, llamaServer } from '../backends/llama-server.js'
import { scratchFolder, tinyModel } from '../backends/tiny-model.js'
import { execOver, llem } from '../native/llem.js'
import { attached, constant, WATTS } from './attached.js'

vi.setConfig({ testTimeout: 120_000 })

let missing: string | null = null
let program = ''
let model = ''

beforeAll(async () => {
  const server = await llamaServer()
  missing = server.reason
  program = join(server.path ?? '', '..', 'llama-bench')
  model = tinyModel(scratchFolder(), 'tiny')
}, BUILD_TIMEOUT_MS)

/** Each test long enough for a sensor that publishes every 100 ms. */
const SIZES = { pp: 1024, tg: 256, reps: 15 }
const command = (format: string) => [
  program,
  ...['-m', model, '-t', '1', '-r', `${SIZES.reps}`, '-o', format],
  ...['-p', `${SIZES.pp}`, '-n', `${SIZES.tg}`],
]

function needs(context: TestContext): void {
  if (missing !== null) context.skip(missing)
}

describe('llama-bench under llem attach', () => {
  it('gets the joules of each test, of the very time that it took', async (context) => {
    needs(context)
    const { code, stderr, result } = await attached(command('jsonl'))
    expect(code).toBe(0)
    const own = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
    expect(own.map(({ n_prompt, n_gen }) => [n_prompt, n_gen])).toEqual([
      [SIZES.pp, 0],
      [0, SIZES.tg],
    ])
    const { attached: seen } = result
    expect(seen).toMatchObject({ tool: 'llama-bench', clock: 'output', problems: [], sources: ['stdout'] })
    expect(seen.benchmarks.map(({ name }) => name)).toEqual([`pp${SIZES.pp}`, `tg${SIZES.tg}`])
    for (const [index, test] of seen.benchmarks.entries()) {
      const { samples_ns, n_prompt, n_gen, avg_ts } = own[index]
      const tookS = samples_ns.reduce((sum: number, each: number) => sum + each, 0) / 1e9
      expect(test.input_tokens).toBe(n_prompt * SIZES.reps)
      expect(test.output_tokens).toBe(n_gen * SIZES.reps)
      expect(test.own).toEqual({ avg_ts })
      expect(test.duration_s).toBeCloseTo(tookS, 6)
      const joules = test.energy_j ?? Number.NaN
      expect(Math.abs(joules / (WATTS * tookS) - 1)).toBeLessThan(0.01)
      expect(test.j_per_total_token).toBeCloseTo(joules / ((n_prompt + n_gen) * SIZES.reps), 12)
      expect(test[n_gen > 0 ? 'j_per_input_token' : 'j_per_output_token']).toBeNull()
    }
    // One after the other, within the command.
    const [pp, tg] = seen.benchmarks.map(({ window }) => window)
    expect(pp?.end_ns).toBeLessThan(tg?.start_ns ?? 0)
    expect(tg?.end_ns).toBeLessThanOrEqual(result.energy?.window.end_ns ?? 0)
  })

  it('costs the joules that llem exec tells of it, within 1 %', async (context) => {
    needs(context)
    const { result } = await attached(command('json'))
    const plain = await execOver(constant, command('json'))
    const power = ({ energy }: { energy: { total_j: number | null; duration_sec: number } | null }) =>
      (energy?.total_j ?? Number.NaN) / (energy?.duration_sec ?? Number.NaN)
    expect(Math.abs(power(result) / power(plain) - 1)).toBeLessThan(0.01)
    expect(result.attached.command.energy_j).toBe(result.energy?.total_j)
    expect(result.attached.benchmarks).toHaveLength(2)
  })

  it('in its usual format is printed as it is, and a table like its own below', async (context) => {
    needs(context)
    const { code, stdout, stderr } = await llem(['attach', '--simulate', constant, '--', ...command('md')])
    expect(code).toBe(0)
    const own = stdout.split('\n').filter((line) => line.includes(' ± '))
    expect(own).toHaveLength(2)
    const rows = stderr.split('\n').filter((line) => /^\| +(pp|tg)\d/.test(line))
    expect(stderr).toMatch(/^\| +test \| +t\/s \| +J\/token \| +tokens\/J \| +W \|$/m)
    for (const [index, name] of [`pp${SIZES.pp}`, `tg${SIZES.tg}`].entries()) {
      const cells = (rows[index] ?? '').split('|').map((cell) => cell.trim())
      const [, test, speed, joules, tokens, watts] = cells
      expect(test).toBe(name)
      expect(own[index]).toContain(`${speed} ± `)
      if (watts === '-') {
        // On a busy machine repetitions are so uneven that the table does not tell how long they took.
        expect(stderr).toContain(`Unknown: ${name}: how long it took is not known to 1 %`)
        continue
      }
      expect(Math.abs(Number(watts) / WATTS - 1)).toBeLessThan(0.01)
      // What is shown has few digits.
      expect(Math.abs(Number(speed) / WATTS / Number(tokens) - 1)).toBeLessThan(0.03)
      expect(Number(joules)).toBeGreaterThan(0)
    }
  })

  it('tells its own failure and exit code, and no joules of tests that did not run', async (context) => {
    needs(context)
    const { code, result } = await attached([program, '-m', join(scratchFolder(), 'none.gguf'), '-o', 'json'])
    expect(code).toBe(1)
    expect(result.exit_code).toBe(1)
    expect(result.attached.benchmarks).toEqual([])
    expect(result.attached.reason).not.toBeNull()
  })
})
