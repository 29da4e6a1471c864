import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { wallClock } from '../../dist/campaign/daemon-clock.js'
import { DaemonLog } from '../../dist/campaign/daemon-log.js'
import { scratchFolder } from '../native/scenario.js'

afterEach(() => vi.restoreAllMocks())

describe('the wall clock', () => {
  it('wakes at the moment, never before it', async () => {
    const clock = wallClock({ lookEveryMs: 60 })
    for (let round = 0; round < 5; round++) {
      const atMs = Date.now() + 130
      await clock.sleepUntil(atMs, undefined)
      const lateMs = Date.now() - atMs
      expect(lateMs).toBeGreaterThanOrEqual(0)
      expect(lateMs).toBeLessThan(100)
    }
  })

  it('wakes at once where the moment has passed', async () => {
    const startMs = performance.now()
    await wallClock().sleepUntil(Date.now() - 1, undefined)
    expect(performance.now() - startMs).toBeLessThan(50)
  })

  it('sleeps longer than a timer can, which would go off at once, and ends when it is interrupted', async () => {
    const controller = new AbortController()
    const inAMonth = Date.now() + 2 ** 31 + 86_400_000
    const asleep = wallClock({ lookEveryMs: 20 }).sleepUntil(inAMonth, controller.signal)
    const first = await Promise.race([asleep.catch(() => 'rejected'), sleep(200, 'asleep')])
    expect(first).toBe('asleep')
    controller.abort(new Error('SIGTERM'))
    await expect(asleep).rejects.toMatchObject({ code: 'INTERRUPTED' })
    await expect(wallClock().sleepUntil(inAMonth, controller.signal)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
  })

  it('sees that it was set, or that the machine was asleep', async () => {
    const asleep = wallClock({ lookEveryMs: 20 }).sleepUntil(Date.now() + 3600_000, undefined)
    const real = Date.now
    await sleep(60)
    vi.spyOn(Date, 'now').mockImplementation(() => real() + 3600_000)
    const startMs = performance.now()
    await asleep
    expect(performance.now() - startMs).toBeLessThan(500)
  })
})

describe('the log of a daemon', () => {
  it('does not grow without end, and keeps the latest', () => {
    const folder = scratchFolder()
    const path = join(folder, 'daemon.log')
    for (let start = 0; start < 3; start++) {
      // Each is a daemon that was started again.
      const log = new DaemonLog(path, { limitBytes: 1000 })
      for (let line = 0; line < 40; line++) {
        log.write(`line ${start * 40 + line} ü`)
        expect(statSync(path).size).toBeLessThanOrEqual(1000)
      }
    }
    expect(readdirSync(folder).sort()).toEqual(['daemon.log', 'daemon.log.1'])
    const lines = ['daemon.log.1', 'daemon.log'].flatMap((name) =>
      readFileSync(join(folder, name), 'utf8').trimEnd().split('\n'),
    )
    const numbers = lines.map((line) => Number(/^\d{4}-\d\d-\d\dT[\d:.]+Z line (\d+) ü$/.exec(line)?.[1]))
    expect(numbers.at(-1)).toBe(119)
    expect(numbers).toEqual(numbers.map((_, index) => 119 - numbers.length + 1 + index))
    expect(numbers.length).toBeGreaterThan(20)
  })

  it('that cannot be written costs nothing but itself', () => {
    const folder = scratchFolder()
    const path = join(folder, 'daemon.log')
    const log = new DaemonLog(path)
    mkdirSync(path)
    log.write('lost')
    rmSync(path, { recursive: true })
    log.write('kept')
    expect(readFileSync(path, 'utf8')).toMatch(/ kept\n$/)
  })
})
