import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Baseline, baselineOf, takeBaseline } from '../../dist/baseline/bare.js'
import { wattsOf } from '../../dist/baseline/level.js'
import type { OpenedSampler } from '../../dist/energy/open.js'
import { openSampler } from '../../dist/energy/open.js'
import { simulate } from '../../dist/native/simulation.js'
import { recorder } from '../experiment/recorder.js'
import { startNode } from '../native/llem.js'
import { gpu, type Segment, scenarioFile, scratchFolder } from '../native/scenario.js'

// Two GPUs that idle at 80 and 120 W. They are simulated, and treated as real ones where keeping is the subject.
const IDLE_W = 200
const config = { enabled: true, required: false, duration_sec: 0.5, cache_ttl_sec: 3600 }
let opened: OpenedSampler
let cache: string

beforeAll(async () => {
  const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 80 }]), gpu(1, [{ for_s: 1, w: 120 }])])
  const libraryPath = simulate(scenario)
  opened = await openSampler({ devices: null, intervalMs: 10, slowIntervalMs: 100, libraryPath })
})

afterAll(() => opened.sampler.close())

beforeEach(() => {
  cache = scratchFolder()
  process.env.XDG_CACHE_HOME = cache
})

const SAID = expect.stringMatching(/^Baseline power: (19[789]|20[012])\.\dW$/)

/** Half a second of a sensor that ticks each 100 ms is known to a percent or two, and is right within what it says. */
function expectIdlePower(baseline: Baseline | null): void {
  const { powerW, uncertaintyW } = wattsOf(baseline?.devices ?? []) ?? {
    powerW: Number.NaN,
    uncertaintyW: null,
  }
  expect(powerW).toBe(baseline?.powerW)
  expect(uncertaintyW).toBeGreaterThan(0)
  expect(uncertaintyW).toBeLessThan(0.05 * IDLE_W)
  // Two in a hundred are allowed to be beyond k = 2; none of a test is beyond twice that.
  expect(Math.abs(powerW - IDLE_W)).toBeLessThan(2 * (uncertaintyW ?? 0))
}

const entries = () => join(cache, 'llem', 'baseline')
/** What is kept; the folder is made with the first of it. */
const kept = () => (existsSync(entries()) ? readdirSync(entries()) : [])
const take = (
  overrides: Partial<typeof config> = {},
  {
    from = opened as OpenedSampler | null,
    simulated = false,
    modelLoaded = false,
    signal = undefined as AbortSignal | undefined,
  } = {},
) => {
  const { observer, notes, details, stretches } = recorder()
  const context = { observer, signal, simulated, modelLoaded }
  const baseline = takeBaseline(from, { ...config, ...overrides }, context)
  return { baseline, notes, details, stretches }
}

/** Makes every stored baseline as old as this. */
function age(seconds: number): void {
  for (const name of kept()) {
    const path = join(entries(), name)
    const entry = JSON.parse(readFileSync(path, 'utf8'))
    entry.measured_at = new Date(Date.now() - seconds * 1000).toISOString()
    writeFileSync(path, JSON.stringify(entry))
  }
}

describe('measuring', () => {
  it('gives the idle power of all GPUs together, and says it', async () => {
    const { baseline, notes, stretches } = take()
    const taken = await baseline
    expect(taken).toMatchObject({ method: 'fresh', ageS: 0 })
    expectIdlePower(taken)
    expect(notes).toEqual([SAID])
    expect(stretches[0]).toBe('Measuring idle power 0/0.5 s')
  })

  it('does nothing when it is disabled', async () => {
    const { baseline, notes } = take({ enabled: false })
    expect(await baseline).toBeNull()
    expect(notes).toEqual([])
    expect(existsSync(entries())).toBe(false)
  })

  it('ends at once when it is interrupted, required or not', async () => {
    const { baseline } = take({ duration_sec: 60, required: true }, { signal: AbortSignal.timeout(200) })
    await expect(baseline).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
})

describe('the cache', () => {
  it('keeps one file per GPU, keyed by UUID, driver and power limit', async () => {
    await take().baseline
    expect(kept()).toHaveLength(2)
    for (const changed of [
      { ...opened, machine: { ...opened.machine, driverVersion: '999.1' } },
      { ...opened, devices: opened.devices.map((device) => ({ ...device, powerLimitW: 300 })) },
      { ...opened, devices: opened.devices.map((device) => ({ ...device, uuid: `${device.uuid}-x` })) },
    ]) {
      const { baseline } = take({}, { from: changed })
      expect(await baseline).toMatchObject({ method: 'fresh' })
    }
    expect(kept()).toHaveLength(8)
  })

  it('answers within its time to live, with the age', async () => {
    const fresh = await take().baseline
    age(1800)
    const { baseline, notes, stretches } = take()
    expect(await baseline).toMatchObject({
      method: 'cached',
      powerW: fresh?.powerW,
      ageS: expect.closeTo(1800, -1),
    })
    expect(notes).toEqual([SAID])
    expect(stretches).toEqual([])
  })

  it.for([
    ['is older than its time to live', () => age(3700)],
    ['is from the future', () => age(-100)],
    ['is damaged', () => damage('{"power_w": 1')],
    ['is empty', () => damage('')],
    ['says 0 W', () => damage('{"power_w":0,"measured_at":"2025-01-01T00:00:00.000Z"}')],
  ] as const)('measures again what %s', async ([, spoil]) => {
    await take().baseline
    spoil()
    const again = await take().baseline
    expect(again).toMatchObject({ method: 'fresh' })
    expectIdlePower(again)
    expect(await take().baseline).toMatchObject({ method: 'cached' })
  })

  it('measures all GPUs again where one is missing', async () => {
    await take({}, { from: { ...opened, devices: opened.devices.slice(0, 1) } }).baseline
    const all = await take().baseline
    expect(all).toMatchObject({ method: 'fresh' })
    expectIdlePower(all)
  })

  it('never keeps a simulated GPU’s, nor gives a kept one to it', async () => {
    await take({}, { simulated: true }).baseline
    expect(existsSync(entries())).toBe(false)
    await take().baseline
    expect(await take({}, { simulated: true }).baseline).toMatchObject({ method: 'fresh' })
  })

  it('is not given what was measured with a model in memory, which idles higher', async () => {
    expect(await take({}, { modelLoaded: true }).baseline).toMatchObject({ method: 'fresh' })
    expect(kept()).toEqual([])
    await take().baseline
    expect(await take({}, { modelLoaded: true }).baseline).toMatchObject({ method: 'cached' })
  })

  it.for([
    ['is a regular file', () => writeFileSync(join(cache, 'llem'), '')],
    [
      'does not exist and cannot be made',
      () => {
        process.env.XDG_CACHE_HOME = '/proc/llem-test'
      },
    ],
  ] as const)('that %s costs the keeping, not the baseline', async ([, spoil]) => {
    spoil()
    const { baseline, notes, details } = take({ required: true })
    expect(await baseline).toMatchObject({ method: 'fresh' })
    expect(notes).toEqual([SAID])
    expect(details).toHaveLength(2)
    expect(details[0]).toMatch(/^The baseline is not kept for later runs \(non-fatal\): /)
  })

  it('leaves whole files only, when two processes store at once', async () => {
    await Promise.all([take().baseline, take().baseline, take().baseline])
    const names = kept()
    expect(names.filter((name) => !name.endsWith('.json'))).toEqual([])
    expect(names).toHaveLength(2)
  })

  function damage(text: string): void {
    mkdirSync(entries(), { recursive: true })
    for (const name of kept()) {
      chmodSync(join(entries(), name), 0o644)
      writeFileSync(join(entries(), name), text)
    }
  }
})

/** What a llem of its own gets, over a scenario of its own: a process sees one set of simulated GPUs. */
function inProcess(scenario: string, overrides: Partial<typeof config> = {}) {
  const dist = (path: string) => JSON.stringify(new URL(`../../dist/${path}`, import.meta.url).href)
  const script = `
    const { openSampler } = await import(${dist('energy/open.js')})
    const { simulate } = await import(${dist('native/simulation.js')})
    const { takeBaseline } = await import(${dist('baseline/bare.js')})
    const libraryPath = simulate(process.argv[1])
    const opened = await openSampler({ devices: null, intervalMs: 10, slowIntervalMs: 100, libraryPath })
    const stretches = []
    const progress = ({ label }) => {
      stretches.push(label)
      console.error(label)
      return { update() {}, stop() {} }
    }
    const context = { observer: { note() {}, detail() {}, progress }, signal: undefined, simulated: false }
    const config = ${JSON.stringify({ ...config, ...overrides })}
    const told = await takeBaseline(opened, config, context).then(
      ({ method, powerW, disturbances }) => ({ method, powerW, disturbances }),
      ({ code, message }) => ({ code, message }),
    )
    opened.sampler.close()
    console.log(JSON.stringify({ ...told, stretches }))`
  const args = ['--input-type=module', '-e', script, scenario]
  const { child, ended } = startNode(args, { env: { XDG_CACHE_HOME: cache } })
  const told = ended.then(({ stdout, stderr }) => {
    if (stdout === '') throw new Error(`it told nothing, but said: ${stderr}`)
    return JSON.parse(stdout)
  })
  // Whoever kills it expects nothing of it.
  told.catch(() => undefined)
  return { child, ended, told }
}

describe('a baseline that is none', () => {
  const steady: Segment[] = [{ for_s: 60, w: 80 }]
  const over = (segments: Segment[], rest: Record<string, unknown> = {}) =>
    scenarioFile([gpu(0, segments, rest)])

  /** It is measured and said to be disturbed, is not kept, and is refused where it is required. */
  async function expectNone(scenario: string, disturbance: RegExp): Promise<void> {
    const [taken, refused] = await Promise.all([
      inProcess(scenario, { duration_sec: 1.5 }).told,
      // The second one waits for the first, and finds nothing that was kept.
      inProcess(scenario, { duration_sec: 1.5, required: true }).told,
    ])
    expect(taken).toMatchObject({
      method: 'fresh',
      powerW: expect.any(Number),
      disturbances: [expect.stringMatching(disturbance)],
    })
    expect(refused).toMatchObject({
      code: 'BASELINE_FAILED',
      message: expect.stringMatching(
        /^Baseline measurement required but failed: while idle power was measured, .*[^.]\.$/,
      ),
    })
    expect(kept()).toEqual([])
  }

  it('because the power fell, as it does after a hot run', async () => {
    await expectNone(
      over([{ for_s: 10, from_w: 400, to_w: 80 }]),
      /^the power of GPU 0 fell from [\d.]+ to [\d.]+ W: it was not idle for long; let it cool down and measure again\.$/,
    )
  })

  it('because the power rose', async () => {
    await expectNone(
      over([{ for_s: 20, from_w: 100, to_w: 500 }]),
      /^the power of GPU 0 rose from [\d.]+ to [\d.]+ W: it was not idle; free it and measure again\.$/,
    )
  })

  it('because another process computed', async () => {
    const foreign = spawn('sleep', ['60'])
    try {
      const processes = [{ from_s: 0, to_s: 60, pid: foreign.pid, used_mib: 512 }]
      await expectNone(over(steady, { processes }), /^sleep \(pid \d+\) computes on GPU 0 too/)
    } finally {
      foreign.kill()
    }
  })

  it('is not what a drift of less than 5 % makes it', async () => {
    const { told } = inProcess(over([{ for_s: 30, from_w: 100, to_w: 90 }]), { duration_sec: 1.5 })
    expect(await told).toMatchObject({ method: 'fresh', disturbances: [] })
    expect(kept()).toHaveLength(1)
  })
})

describe('measured anew, as `llem baseline measure` asks for', () => {
  const anew = () => {
    const startMs = performance.now()
    const { observer } = recorder()
    const wishes = { durationS: 1.5, maxAgeS: () => (performance.now() - startMs) / 1000 }
    return baselineOf(opened, wishes, { observer, signal: undefined, simulated: false })
  }

  it('it is not what was kept before', async () => {
    await take().baseline
    const again = await anew()
    expect(again).toMatchObject({ method: 'fresh' })
    expectIdlePower(again)
  })

  it('it is what another one measured meanwhile', async () => {
    const [first, second] = await Promise.all([anew(), anew()])
    expect([first.method, second.method].sort()).toEqual(['cached', 'fresh'])
    expect(first.devices.map(({ powerW }) => powerW)).toEqual(second.devices.map(({ powerW }) => powerW))
  })
})

describe('several processes', () => {
  const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 80 }])])
  const WAITING = 'Waiting for another llem that measures the idle power of GPU 0'

  it('measure once: the second waits for the first, visibly, and takes its value', async () => {
    const both = [inProcess(scenario, { duration_sec: 3 }), inProcess(scenario, { duration_sec: 3 })]
    const results = await Promise.all(both.map(({ told }) => told))
    expect(results.map(({ method }) => method).sort()).toEqual(['cached', 'fresh'])
    expect(results[0].powerW).toBe(results[1].powerW)
    expect(results.find(({ method }) => method === 'cached').stretches).toEqual([WAITING])
    expect(kept().filter((name) => !name.endsWith('.json'))).toEqual([])
  })

  it('do not wait for one that was killed', async () => {
    const killed = inProcess(scenario, { duration_sec: 60 })
    await new Promise<void>((resolve) => {
      killed.child.stderr?.on('data', (text: string) => text.includes('Measuring idle power') && resolve())
    })
    killed.child.kill('SIGKILL')
    await killed.ended
    expect(await inProcess(scenario).told).toMatchObject({
      method: 'fresh',
      stretches: ['Measuring idle power'],
    })
  })
})

describe('failing', () => {
  /** The GPUs under a sampler that is closed: no window can be opened. */
  async function closed(): Promise<OpenedSampler> {
    const { devices } = opened
    const wishes = { devices: null, intervalMs: 10, slowIntervalMs: 100, libraryPath: simulate() }
    const other = await openSampler(wishes)
    other.sampler.close()
    return { ...other, devices }
  }

  it('is not fatal, and said', async () => {
    const { baseline, notes } = take({}, { from: await closed() })
    expect(await baseline).toBeNull()
    expect(notes).toHaveLength(1)
    expect(notes[0]).toMatch(
      /^Baseline measurement failed, continuing with raw energy only \(non-fatal\): \S/,
    )
  })

  it('ends the experiment where it is required', async () => {
    const { baseline } = take({ required: true }, { from: await closed() })
    await expect(baseline).rejects.toMatchObject({
      code: 'BASELINE_FAILED',
      kind: 'runtime',
      message: expect.stringMatching(/^Baseline measurement required but failed: /),
    })
  })

  it('is silent without a GPU, whose absence was told already, and fatal where it is required', async () => {
    const { baseline, notes } = take({}, { from: null })
    expect(await baseline).toBeNull()
    expect(notes).toEqual([])
    await expect(take({ required: true }, { from: null }).baseline).rejects.toMatchObject({
      code: 'BASELINE_FAILED',
    })
  })
})
