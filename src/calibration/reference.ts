// llem beside an external meter: a load holds levels of power, llem measures them as any window, and the file that the
// meter has written meanwhile is laid beside it.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { methodOf } from '../energy/window-energy.js'
import type { WindowReport } from '../native/addon.js'
import { integralPieces } from '../native/recording.js'
import type { Sampler } from '../native/sampler.js'
import type { Observer } from '../progress/observer.js'
import type { Reference } from '../results/calibration.js'
import type { EnergyCurve } from './energy-curve.js'
import type { Load } from './load.js'
import { type MeterOptions, readMeterFile } from './meter-file.js'
import { compareMeter, edgesOnClock } from './meter-gain.js'
import { ALL_PULSES_MS, STEADY_MS } from './pulses.js'
import { whileWaiting } from './waiting.js'

/** A load that the user named may make pulses before it holds levels, and ends by itself. */
const FOREIGN_LIMIT_MS = STEADY_MS + ALL_PULSES_MS
/** For 350 ms after the edge of a window everything is read every 5 ms, and so here all the time: levels begin anywhere. */
const MARK_EVERY_MS = 300
/** Between two moments of llem's curve it is taken to be straight. */
const GRID_NS = 50e6

export type ReferenceOptions = MeterOptions

interface Bench {
  observer: Observer
  signal: AbortSignal
}

interface Parts {
  sampler(): Promise<Sampler>
  /** Starts it. */
  load(): Load
  /** Whether it is llem's own, which does not end by itself. */
  isOwn: boolean
}

/** What the meter says, or why it says nothing. Throws REFERENCE_INVALID. */
export async function measureBesideMeter(
  bench: Bench,
  options: ReferenceOptions,
  { sampler: openSampler, load: startLoad, isOwn }: Parts,
): Promise<Reference | string> {
  const folder = await mkdtemp(join(tmpdir(), 'llem-reference-'))
  const sampler = await openSampler()
  try {
    await sampler.ready()
    const samplesPath = join(folder, 'samples.parquet')
    const window = sampler.beginWindow({ samplesPath })
    const marks = setInterval(() => sampler.beginWindow().cancel(), MARK_EVERY_MS)
    const load = startLoad()
    try {
      const forMs = isOwn ? STEADY_MS : FOREIGN_LIMIT_MS
      const label = 'Holding levels of power beside the meter'
      const stretch = { label, total: forMs / 1000, isLimit: true }
      const whyNot = await whileWaiting(bench, stretch, async () => {
        const whyNot = await load.works(bench.signal)
        if (whyNot === null) await lasting(load, forMs, bench.signal)
        return whyNot
      })
      if (whyNot !== null) return whyNot
    } finally {
      clearInterval(marks)
      await load.stop()
    }
    if (bench.signal.aborted) return 'the calibration ended before'
    const report = await window.end()
    const [device] = report.devices
    const method = methodOf(device?.method)
    const { totalJ, uncertaintyJ } = device ?? {}
    if (method === null || totalJ === undefined || uncertaintyJ === undefined)
      return `llem itself measured no energy beside the meter: ${device?.reason ?? 'no GPU'}`
    const unixS = (ns: number) => (report.startUnixMs + (ns - report.startNs) / 1e6) / 1e3
    return compareMeter(await readMeterFile(options), {
      curve: await curveOf(samplesPath, report, unixS),
      edges: edgesOnClock(load.edges, unixS),
      method,
      deviation: uncertaintyJ / 2 / totalJ,
      measuredAt: new Date().toISOString(),
    })
  } finally {
    sampler.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function curveOf(
  samplesPath: string,
  { startNs, endNs }: WindowReport,
  unixS: (ns: number) => number,
): Promise<EnergyCurve> {
  const count = Math.max(1, Math.floor((endNs - startNs) / GRID_NS))
  const momentsNs = Float64Array.from({ length: count + 1 }, (_, k) => startNs + k * GRID_NS)
  const [pieces] = await integralPieces(samplesPath, momentsNs)
  let sum = 0
  const joules = [0, ...(pieces?.joules ?? [])].map((joules) => {
    sum += Number.isNaN(joules) ? 0 : joules
    return sum
  })
  return { timesS: [...momentsNs].map(unixS), joules }
}

/** Until the load ends, for so long at most. */
async function lasting(load: Load, forMs: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  load.ended.then(() => over.abort())
  const either = AbortSignal.any([signal, over.signal])
  await sleep(forMs, undefined, { signal: either }).catch(() => undefined)
}
