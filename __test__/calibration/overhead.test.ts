import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { isRunning, within } from '../backends/processes.js'
import { llem, startLlem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const node = (program: string) => ['--', process.execPath, '-e', program]
const BUSY = 'const end = performance.now() + 150; while (performance.now() < end);'
const overhead = ['calibrate', '--overhead', '--simulate']

interface Overhead {
  rounds: number
  interrupted: boolean
  settings: {
    interval_ms: number | null
    runs_s: number[]
    median_s: number
    slowdown: { slowdown_pct: number; low_pct: number; high_pct: number } | null
    sampler_cpu_pct: number | null
    driver_calls_per_s: number | null
  }[]
}

describe('the overhead', () => {
  it('of each interval has an interval around it, from runs without a sampler in the same rounds', async () => {
    const { code, stdout } = await llem([...overhead, '--rounds', '2', '--json', ...node(BUSY)])
    expect(code).toBe(0)
    const result: Overhead = JSON.parse(stdout)
    expect(result).toMatchObject({ rounds: 2, interrupted: false })
    expect(result.settings.map(({ interval_ms }) => interval_ms)).toEqual([null, 100, 10, 2])
    for (const { interval_ms, runs_s, median_s, slowdown, ...cost } of result.settings) {
      expect(runs_s).toHaveLength(2)
      expect(median_s).toBeGreaterThanOrEqual(0.15)
      if (interval_ms === null) {
        expect({ slowdown, ...cost }).toEqual({
          slowdown: null,
          sampler_cpu_pct: null,
          driver_calls_per_s: null,
        })
        continue
      }
      const { slowdown_pct, low_pct, high_pct } = slowdown ?? expect.fail()
      expect(low_pct).toBeLessThanOrEqual(slowdown_pct)
      expect(high_pct).toBeGreaterThanOrEqual(slowdown_pct)
      expect(cost.sampler_cpu_pct).toBeGreaterThan(0)
      expect(cost.driver_calls_per_s).toBeGreaterThan(10)
    }
    const [, , tenMs, twoMs] = result.settings
    expect(Number(twoMs?.driver_calls_per_s)).toBeGreaterThan(Number(tenMs?.driver_calls_per_s))
  })

  it('is a table for people, and what the command prints is not in it', async () => {
    const { code, stdout, stderr } = await llem([
      ...overhead,
      '--rounds',
      '2',
      '-v',
      ...node('console.log("hello")'),
    ])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^sampler +runs +median +slowdown +95 % interval +sampler CPU +driver calls\/s\noff +2 /,
    )
    expect(stdout).not.toContain('hello')
    expect(stderr.match(/^hello$/gm)).toHaveLength(9)
  })

  it.each([
    [
      'fails',
      node('console.log("half done"); console.error("no memory"); process.exit(7)'),
      1,
      'COMMAND_FAILED',
    ],
    ['is not there', ['--', '/nowhere/command'], 2, 'COMMAND_NOT_STARTED'],
    ['is missing', [], 2, 'COMMAND_MISSING'],
  ] as const)('of a command that %s is an error', async (_sentence, command, exitCode, errorCode) => {
    const { code, stdout, stderr } = await llem([...overhead, '-q', ...command])
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' })
    expect(stderr).toContain(`[${errorCode}]`)
    if (errorCode === 'COMMAND_FAILED')
      expect(stderr).toMatch(/^llem: The command failed with exit code 7:\nhalf done\nno memory\n/)
  })

  it('that is interrupted ends the command and prints the rounds that were finished', async () => {
    const pidFile = join(scratchFolder(), 'pid')
    // After the warm-up and five runs, the next one does not end.
    const program = `const fs = require('fs')
      fs.appendFileSync(${JSON.stringify(pidFile)}, process.pid + '\\n')
      const runs = fs.readFileSync(${JSON.stringify(pidFile)}, 'utf8').trim().split('\\n').length
      if (runs >= 7) setInterval(() => {}, 1000)`
    const { child, ended } = startLlem([...overhead, '--json', ...node(program)])
    const pids = () => {
      try {
        return readFileSync(pidFile, 'utf8').trim().split('\n').map(Number)
      } catch {
        return []
      }
    }
    expect(await within(30_000, () => pids().length >= 7)).toBe(true)
    child.kill('SIGINT')
    const { code, stdout } = await ended
    expect(code).toBe(130)
    expect(pids().filter(isRunning)).toEqual([])
    const result: Overhead = JSON.parse(stdout)
    expect(result.interrupted).toBe(true)
    expect(result.settings.map(({ runs_s }) => runs_s.length)).toEqual([1, 2, 1, 1])
  })
})
