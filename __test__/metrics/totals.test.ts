import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { chooseLibrary } from '../../dist/energy/library.js'
import { openSampler } from '../../dist/energy/open.js'
import { addressOf } from '../../dist/metrics/address.js'
import { EnergyTotals, measureEndToEnd } from '../../dist/metrics/totals.js'
import type { Segment } from '../native/scenario.js'
import { gpu, nowNs, scenarioFile, trueJoules, uuidOf } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const open = async (segments: Segment[], epochNs: number, rest: Record<string, unknown> = {}) => {
  const { libraryPath } = chooseLibrary(scenarioFile([gpu(0, segments, rest)], epochNs))
  const opened = await openSampler({ devices: null, intervalMs: 10, slowIntervalMs: 100, libraryPath })
  await opened.sampler.ready()
  return opened
}

describe('windows end to end', () => {
  it('lose nothing between them', async () => {
    const segments: Segment[] = [
      { for_s: 60, sine: { mean_w: 300, amplitude_w: 150, period_s: 1.7 } } as Segment,
    ]
    const epochNs = nowNs()
    const opened = await open(segments, epochNs)
    const totals = new EnergyTotals([uuidOf(0)])
    const fromNs = nowNs()
    const ending = new AbortController()
    const measured = measureEndToEnd(opened, totals, ending.signal)
    await sleep(8500)
    ending.abort()
    const toNs = nowNs()
    await measured
    opened.sampler.close()
    const total = totals.gpus.get(uuidOf(0))
    const joules = trueJoules(segments, (fromNs - epochNs) / 1e9, (toNs - epochNs) / 1e9)
    expect(totals.windows).toBe(5)
    expect(total?.unmeasuredS).toBe(0)
    expect(Math.abs((total?.measuredS ?? 0) - (toNs - fromNs) / 1e9)).toBeLessThan(0.1)
    expect(Math.abs((total?.joules ?? 0) / joules - 1)).toBeLessThan(0.015)
  })

  it('count the time of which there are no joules', async () => {
    const faults = [{ from_s: 0.5, call: 'all', error: 'gpu_is_lost' }]
    const opened = await open([{ for_s: 60, w: 300 }], nowNs(), { faults })
    const totals = new EnergyTotals([uuidOf(0)])
    await sleep(600)
    await measureEndToEnd(opened, totals, AbortSignal.timeout(2500))
    opened.sampler.close()
    const total = totals.gpus.get(uuidOf(0))
    expect(total?.joules).toBe(0)
    expect(total?.measuredS).toBe(0)
    expect(total?.unmeasuredS).toBeGreaterThan(2.4)
  })
})

describe('an address to listen at', () => {
  it.for([
    ['9911', { host: '127.0.0.1', port: 9911 }],
    ['127.0.0.1:9911', { host: '127.0.0.1', port: 9911 }],
    ['node7:0', { host: 'node7', port: 0 }],
    [':9911', { host: '::', port: 9911 }],
    ['[::1]:9911', { host: '::1', port: 9911 }],
    ['[node]:9911', null],
    ['::1:9911', null],
    ['localhost', null],
    ['localhost:99999', null],
    ['', null],
  ] as const)('%s', ([text, address]) => expect(addressOf(text)).toEqual(address))
})
