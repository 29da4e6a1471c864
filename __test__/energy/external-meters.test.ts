// External meters as processes: those that measure, and those that do whatever a program may do wrong.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ExternalMeters } from '../../dist/energy/external/open.js'
import type { ExternalEnergy } from '../../dist/results/external.js'
import { nowNs, scratchFolder } from '../native/scenario.js'
import { byDay } from '../setup/at-night.js'

const PLUGIN = fileURLToPath(new URL('external-plugin.mjs', import.meta.url))
const commandOf = (...how: string[]) => [process.execPath, PLUGIN, ...how]

interface Measured extends ExternalEnergy {
  told: string[]
  /** What ending the window, and ending the meter, took. */
  endMs: number
  closeMs: number
  folder: string
}

/** Measures with one meter for so long. */
async function measured(how: readonly string[], forMs: number): Promise<Measured> {
  const told: string[] = []
  const folder = scratchFolder()
  const asked = [{ command: commandOf(...how), scope: 'node' as const, name: 'plugin' }]
  const meters = await ExternalMeters.open(asked, { tell: (text) => told.push(text) })
  const windows = meters.begin(nowNs(), folder)
  await sleep(forMs)
  const endedMs = performance.now()
  const [energy] = await windows.end()
  const endMs = performance.now() - endedMs
  await meters.close()
  if (energy === undefined) throw new Error('there is one meter')
  return { ...energy, told, endMs, closeMs: performance.now() - endedMs - endMs, folder }
}

const trueJ = ({ window: { start_ns, end_ns } }: ExternalEnergy) =>
  (500 * (end_ns - start_ns)) / 1e9 - 200 * (Math.cos(end_ns / 1e9) - Math.cos(start_ns / 1e9))

describe.concurrent('an external meter', () => {
  it.each(byDay(1, [['counter'], ['sine'], ['without-times']]))(
    '%s has the joules of its curve within 1 % over 10 s',
    async (how) => {
      const energy = await measured([how], 10_000)
      expect(energy.reason).toBeNull()
      expect(Math.abs((energy.energy_j ?? 0) / trueJ(energy) - 1)).toBeLessThan(0.01)
      // On a machine that others use too a line comes late, and with it its time.
      if (how !== 'without-times')
        expect(Math.abs((energy.energy_j ?? 0) - trueJ(energy))).toBeLessThan(energy.uncertainty_j ?? 0)
      expect(energy.uncertainty_j ?? 0).toBeLessThan(0.05 * (energy.energy_j ?? 0))
      expect(energy).toMatchObject({
        coverage: 1,
        bad_lines: 0,
        quantity: how === 'counter' ? 'energy' : 'power',
      })
      expect(energy.times).toBe(how === 'without-times' ? 'arrival' : 'meter')
      expect(energy.readings).toBeGreaterThan(80)
      expect(energy.update_period_ms ?? 0).toBeCloseTo(100, -1)
      expect(energy.told).toEqual([])
      const lines = readFileSync(join(energy.folder, 'external-plugin.jsonl'), 'utf8').trim().split('\n')
      expect(lines.length).toBeGreaterThanOrEqual(energy.readings)
      expect(lines.length).toBeLessThan(energy.readings + 7)
    },
  )

  it('adds what it says of its own accuracy, which is else unknown', async () => {
    const { energy_j, uncertainty_j, accuracy_pct } = await measured(['accurate'], 1500)
    expect(accuracy_pct).toBe(2)
    expect(uncertainty_j).toBeGreaterThan(0.02 * (energy_j ?? 0))
    expect((await measured(['sine'], 600)).accuracy_pct).toBeNull()
  })

  it('that is slower than the window has no joules in it', async () => {
    const { energy_j, reason } = await measured(['sine', '900'], 1300)
    expect(energy_j).toBeNull()
    expect(reason).toMatch(/^the window of 1\.\d s is shorter than 3 updates of this meter/)
  })

  it('that always shows the same has none', async () => {
    expect((await measured(['constant'], 1000)).reason).toMatch(
      /^its value has not changed in the window of 1\.\d s/,
    )
  })

  it('is read in several windows, one after the other and at once', async () => {
    const meters = await ExternalMeters.open([{ command: commandOf('sine'), scope: 'wall' }], {
      tell: () => undefined,
    })
    const outer = meters.begin(nowNs(), null)
    const each: ExternalEnergy[] = []
    for (let k = 0; k < 3; k++) {
      const window = meters.begin(nowNs(), null)
      await sleep(600)
      each.push(...(await window.end()))
    }
    const [whole] = await outer.end()
    await meters.close()
    for (const energy of [...each, ...(whole === undefined ? [] : [whole])])
      expect(Math.abs((energy.energy_j ?? 0) - trueJ(energy))).toBeLessThan(energy.uncertainty_j ?? 0)
    expect(each.map(({ readings_path }) => readings_path)).toEqual([null, null, null])
  })
})

describe.concurrent('an external meter that', () => {
  it('dies has no joules and its last words', async () => {
    const { energy_j, reason } = await measured(['dies'], 1800)
    expect(energy_j).toBeNull()
    expect(reason).toBe('it exited with code 3; its last words: the line of the meter is gone')
  })

  it('dies at once is told before anything is measured', async () => {
    const { told, reason } = await measured(['dies-at-once'], 100)
    expect(told).toEqual([
      'The external meter plugin says nothing (non-fatal): it exited with code 4; its last words: no such outlet.',
    ])
    expect(reason).toBe('it exited with code 4; its last words: no such outlet')
  })

  it('is not there is an error', async () => {
    const asked = [{ command: ['/no/such/meter'], scope: 'node' as const }]
    await expect(ExternalMeters.open(asked, { tell: () => undefined })).rejects.toMatchObject({
      code: 'EXTERNAL_METER_NOT_STARTED',
      kind: 'usage',
      message: expect.stringMatching(
        /^The external meter \/no\/such\/meter could not be started; its last words: /,
      ),
    })
  })

  it('hangs has none, and is not waited for', async () => {
    const { energy_j, reason, endMs } = await measured(['hangs'], 3500)
    expect(energy_j).toBeNull()
    expect(reason).toMatch(
      /^its readings cover \d\d % of the window of 3\.\d s: the last one came 2\.\d s before its end$/,
    )
    expect(endMs).toBeLessThan(1000)
  })

  it.each([
    ['floods', '5000 lines'],
    ['floods-nothing', '5000 lines'],
    ['endless', '5 MB'],
  ])('%s is ended, fills no memory and holds nothing up', async (how, what) => {
    const memoryBefore = process.memoryUsage().rss
    const { energy_j, reason, endMs } = await measured([how], 500)
    expect(energy_j).toBeNull()
    expect(reason).toBe(`it printed more than ${what} in a second, and was ended`)
    expect(endMs).toBeLessThan(1000)
    expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(150 * 2 ** 20)
  })

  it('prints junk between its readings keeps the readings, and says how much of it there was', async () => {
    const energy = await measured(['junk'], 1500)
    expect(energy.reason).toBeNull()
    expect(Math.abs((energy.energy_j ?? 0) - trueJ(energy))).toBeLessThan(energy.uncertainty_j ?? 0)
    expect(energy.bad_lines).toBeGreaterThan(80)
    expect(energy.bad_line_reason).toBe('"Power: 300 W" is no JSON')
  })

  it('has wall-clock times is told what to print, and not waited for', async () => {
    const began = performance.now()
    const { reason, told } = await measured(['wall-clock'], 100)
    expect(performance.now() - began).toBeLessThan(5000)
    const why =
      /it has printed no reading; of \d+ lines the first is t_ns is wall-clock time in nanoseconds; it must be CLOCK_MONOTONIC/
    expect(reason).toMatch(why)
    expect(told.at(-1)).toMatch(why)
  })

  it('prints what is no reading in the window is told what was wrong with it', async () => {
    const { reason } = await measured(['bad-later'], 800)
    expect(reason).toMatch(
      /^it has printed no reading in the window of 0\.\d s; \d+ lines in it were refused: t_ns is wall-clock time/,
    )
  })

  it('shows a power once in a while that no machine draws has those lines refused', async () => {
    const energy = await measured(['spikes'], 3000)
    expect(energy.bad_line_reason).toMatch(/^31000 W is impossible: usual is \d+ W$/)
    expect(energy.bad_lines).toBeGreaterThan(1)
    expect(Math.abs((energy.energy_j ?? 0) - trueJ(energy))).toBeLessThan(energy.uncertainty_j ?? 0)
    expect(energy.uncertainty_j ?? 0).toBeLessThan(0.2 * (energy.energy_j ?? 0))
  })

  it('throws has its message as its last words, not the frames below it', async () => {
    expect((await measured(['throws'], 100)).reason).toMatch(/exited with code 1; .*Error: no such outlet$/)
  })

  it('ignores SIGTERM is killed', async () => {
    const { energy_j, closeMs, told } = await measured(['stubborn', '100', 'of-this-test'], 2000)
    expect(energy_j).not.toBeNull()
    expect(closeMs).toBeGreaterThan(1900)
    expect(closeMs).toBeLessThan(4000)
    expect(told).toEqual(['Waiting for the end of plugin, for 2 s at most.'])
    await sleep(200)
    expect(running('of-this-test')).toEqual([])
  })

  it('says nothing for long is told to be waited for', async () => {
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 1400)
    const told: string[] = []
    const meters = await ExternalMeters.open([{ command: commandOf('silent'), scope: 'node', name: 'bmc' }], {
      ...{ tell: (text: string) => told.push(text), signal: abort.signal },
    })
    const folder = scratchFolder()
    const [energy] = await meters.begin(nowNs(), folder).end()
    await meters.close()
    expect(told).toEqual(['Waiting for the first reading of bmc, for 20 s at most.'])
    expect(energy).toMatchObject({ energy_j: null, reason: 'it has printed no reading', readings_path: null })
    expect(readdirSync(folder)).toEqual([])
  })
})

/** The processes that run the plug-in with this word. */
function running(word: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0${word}\0`)
      } catch {
        return false
      }
    })
}
