import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { llem, startLlem } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder, textFile } from '../native/scenario.js'

vi.setConfig({ testTimeout: 120_000 })

const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])])
const execute = (...args: string[]) => llem(['exec', '--simulate', scenario, ...args])

const only = <T>(values: readonly T[]): T => {
  expect(values).toHaveLength(1)
  return values[0] as T
}

describe('what llem exec prints', () => {
  it('is with --json one object on stdout, and what the command prints on stderr', async () => {
    const { code, stdout, stderr } = await execute(
      '--json',
      '--',
      'sh',
      '-c',
      'echo to-stdout; echo to-stderr >&2',
    )
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'exec', exit_code: 0, signal: null, simulated: true })
    expect(stderr).toBe('to-stdout\nto-stderr\n')
  })

  it('is without --json a table on stderr that says SIMULATED; stdout is the command’s', async () => {
    const { stdout, stderr } = await execute('--', 'sh', '-c', 'echo to-stdout; sleep 1')
    expect(stdout).toBe('to-stdout\n')
    expect(stderr).toMatch(/^SIMULATED: /)
    expect(stderr).toMatch(
      /GPU 0 .* \d+(\.\d+)? J \+- (\d\.\d|0\.\d\d|\d\d) J +\d+\.\d W +300\.\d W +1\.\d\d s +counter/,
    )
    expect(stderr).toMatch(
      /^Uncertainty \(k=2\): \+- [\d.]+ J on this board; \+- 1\d J \(5\.\d %\) with the board's gain$/m,
    )
    // The findings stand below the table.
    expect(stderr).toMatch(/board's gain\n(.*\n)*Warning: short_measurement_duration: measurement < 10s; /)
  })

  it('is with -q nothing', async () => {
    expect(await execute('-q', '--', 'true')).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })

  it('is with -o the same object in a file, beside the time series', async () => {
    const output = scratchFolder()
    const { stdout } = await execute('--json', '-o', output, '--', 'sleep', '0.2')
    const folder = join(output, only(readdirSync(output)))
    expect(readdirSync(folder).sort()).toEqual(['result.json', 'samples.parquet', 'timeseries.parquet'])
    const written = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8'))
    expect({ ...written, result_dir: folder }).toEqual(JSON.parse(stdout))
    expect(written).toMatchObject({ timeseries_path: 'timeseries.parquet', samples_path: 'samples.parquet' })
  })
})

describe('how llem exec ends', () => {
  it.for([0, 1, 3, 42, 255])('is with the command’s exit code %i', async (status) => {
    expect(await execute('-q', '--', 'sh', '-c', `exit ${status}`)).toMatchObject({ code: status })
  })

  it('is with 128 + n where signal n ended the command', async () => {
    const { code, stdout } = await execute('--json', '--', 'sh', '-c', 'kill -KILL $$')
    expect(code).toBe(137)
    expect(JSON.parse(stdout)).toMatchObject({ exit_code: 137, signal: 'SIGKILL' })
  })

  it('is with 127 where there is no such command, which it says, leaving nothing behind', async () => {
    const output = scratchFolder()
    const { code, stdout, stderr } = await execute('-o', output, '--', 'no-such-command')
    expect({ code, stdout }).toEqual({ code: 127, stdout: '' })
    expect(stderr).toBe(
      'llem: no-such-command could not be started: there is no such command. Check its spelling and PATH. [COMMAND_NOT_STARTED]\n',
    )
    expect(readdirSync(output)).toEqual([])
  })

  it('is with 2 where the command is an empty word, as of a variable that is not set', async () => {
    const { code, stdout, stderr } = await execute('--', '')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^llem: There is no command to run\. .*\[COMMAND_MISSING\]\n$/)
  })

  it('is with 126 where the command cannot be executed', async () => {
    expect(await execute('--', textFile('not-executable', 'true\n'))).toMatchObject({ code: 126 })
  })

  it('is with 2 without a command', async () => {
    expect(await execute()).toMatchObject({ code: 2, stdout: '' })
  })

  // A machine with a driver has one; a library that is not there is the same everywhere.
  const env = { LLEM_NVML_LIBRARY: '/nowhere/libnvidia-ml.so.1' }

  it('is the command’s where there is no GPU, and it says that and why there is no energy', async () => {
    const output = scratchFolder()
    const { code, stdout, stderr } = await llem(
      ['exec', '-o', output, '--', 'sh', '-c', 'echo ran; exit 3'],
      { env },
    )
    expect({ code, stdout }).toEqual({ code: 3, stdout: 'ran\n' })
    expect(stderr).toMatch(/^Energy: unknown\. The NVIDIA management library could not be loaded: /)
    expect(stderr).toContain('--simulate')
    const result = readFileSync(join(output, only(readdirSync(output)), 'result.json'), 'utf8')
    expect(JSON.parse(result)).toMatchObject({
      exit_code: 3,
      energy: null,
      energy_reason: expect.stringContaining('could not be loaded'),
      findings: [],
      samples_path: null,
    })
  })

  it.for([
    ['--require-energy', 1, 'NVML_NOT_FOUND'],
    ['--devices=0', 1, 'NVML_NOT_FOUND'],
  ] as const)(
    'is with 1 where there is no GPU and %s asks for it, before the command starts',
    async ([option, status, errorCode]) => {
      const proof = join(scratchFolder(), 'started')
      const { code, stdout, stderr } = await llem(['exec', option, '--', 'touch', proof], { env })
      expect({ code, stdout }).toEqual({ code: status, stdout: '' })
      expect(stderr).toMatch(new RegExp(`^llem: .* \\[${errorCode}\\]\\n$`))
      expect(existsSync(proof)).toBe(false)
    },
  )

  const lost = ['power', 'fields', 'energy'].map((call) => ({
    call,
    from_s: 0.8,
    to_s: 1e6,
    error: 'gpu_is_lost',
  }))
  const losing = () => scenarioFile([gpu(0, [{ for_s: 60, w: 300 }], { faults: lost })])

  it('is with 1 where --require-energy meets joules that were lost, and says why', async () => {
    const measure = ['exec', '--simulate', losing()]
    const without = await llem([...measure, '--json', '--', 'sleep', '2.5'])
    expect(without.code).toBe(0)
    const { total_j, reason } = JSON.parse(without.stdout).energy
    expect(total_j).toBeNull()
    const { code, stderr } = await llem([...measure, '--require-energy', '--', 'sleep', '2.5'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^llem: The energy was not measured, .* \[ENERGY_LOST\]$/m)
    expect(reason).not.toBe('')
  })

  it('is the command’s where --require-energy has what it asks for', async () => {
    expect(await execute('-q', '--require-energy', '--', 'sh', '-c', 'sleep 1; exit 7')).toMatchObject({
      code: 7,
      stderr: '',
    })
  })
})

describe('a long interval', () => {
  it('does not keep a short command: only the edges are waited for', async () => {
    const { code, tookMs, stdout } = await execute('--json', '--interval-ms', '5000', '--', 'sleep', '1.5')
    expect(code).toBe(0)
    // Start and end of llem take their time on a busy machine; three intervals would be 15 s.
    expect(tookMs).toBeLessThan(1500 + 4000)
    const { total_j, duration_sec, uncertainty_j } = JSON.parse(stdout).energy
    expect(Math.abs(total_j - 300 * duration_sec)).toBeLessThanOrEqual(uncertainty_j)
  })
})

describe('samples.parquet', () => {
  it('is not there with --no-full-rate, and the result names none', async () => {
    const output = scratchFolder()
    const { stdout } = await execute('--json', '--no-full-rate', '-o', output, '--', 'sleep', '0.2')
    const folder = join(output, only(readdirSync(output)))
    expect(readdirSync(folder).sort()).toEqual(['result.json', 'timeseries.parquet'])
    expect(JSON.parse(stdout)).toMatchObject({ samples_path: null })
  })
})

describe('a signal', () => {
  /** Starts a command that tells how it was ended, and waits until it runs. */
  async function running(body: string) {
    const output = scratchFolder()
    const started = join(scratchFolder(), 'started')
    const script = `${body}\ntouch ${started}\nwhile true; do sleep 0.05; done`
    const { child, ended } = startLlem([
      ...['exec', '--simulate', scenario, '--json', '-o', output],
      ...['--', 'sh', '-c', script],
    ])
    await vi.waitFor(() => expect(existsSync(started)).toBe(true), 20_000)
    await sleep(400)
    const result = () =>
      JSON.parse(readFileSync(join(output, only(readdirSync(output)), 'result.json'), 'utf8'))
    return { child, ended, result }
  }

  it.for([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGUSR1', 138],
  ] as const)(
    '%s to llem ends the command, and the result is still written and printed',
    async ([signal, exitCode]) => {
      const { child, ended, result } = await running('')
      child.kill(signal)
      const { code, stdout } = await ended
      expect(code).toBe(exitCode)
      expect(JSON.parse(stdout)).toMatchObject({ exit_code: exitCode, signal })
      expect(JSON.parse(stdout).energy.total_j).toBeGreaterThan(50)
      expect({ ...result(), result_dir: expect.any(String) }).toEqual(JSON.parse(stdout))
    },
  )

  it('that the command handles is the command’s business', async () => {
    const { child, ended } = await running('trap "exit 7" TERM')
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 7, signal: null })
  })

  it('that comes after the command’s end does not cost the result', async () => {
    const { child, ended, result } = await running('trap "exit 7" INT')
    child.kill('SIGINT')
    await sleep(200)
    child.kill('SIGINT')
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 7, signal: null })
    expect(result()).toMatchObject({ exit_code: 7 })
  })
})
