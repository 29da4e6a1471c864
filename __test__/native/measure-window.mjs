// node measure-window.mjs OPTIONS: opens a sampler over the simulated GPUs, measures one window that starts at
// `startNs` sharp and lasts `lengthMs`, and prints its energy as JSON; before it, where `baselineMs` is given, a window
// of that length, as an experiment has its baseline. A process of its own, because the simulated library reads one
// scenario per process.
import { setTimeout as sleep } from 'node:timers/promises'
import { openSampler } from '../../dist/energy/open.js'
import { energyOf } from '../../dist/energy/window-energy.js'
import { simulate } from '../../dist/native/simulation.js'

const { scenario, startNs, lengthMs, intervalMs = 10, baselineMs = 0, files } = JSON.parse(process.argv[2])
const { sampler } = await openSampler({
  devices: null,
  intervalMs,
  slowIntervalMs: 100,
  libraryPath: simulate(scenario),
})
await sampler.ready()
if (baselineMs > 0) {
  const baseline = sampler.beginWindow()
  await sleep(baselineMs)
  await baseline.end()
}
await until(startNs)
const window = sampler.beginWindow(files)
await until(startNs + lengthMs * 1e6)
const report = await window.end()
process.stdout.write(JSON.stringify(energyOf(report, sampler)))
sampler.close()

/** Sleeps, then spins: timers of Node are late by up to a millisecond. */
async function until(ns) {
  const left = () => ns - Number(process.hrtime.bigint())
  await sleep(Math.max(0, left() / 1e6 - 5))
  while (left() > 0);
}
