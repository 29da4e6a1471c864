// node llem-sampler.mjs INTERVAL_MS SECONDS: samples the simulated GPUs and prints what that cost, in JSON.
import { setTimeout as sleep } from 'node:timers/promises'
import { openSampler } from '../../dist/energy/open.js'
import { simulate } from '../../dist/native/simulation.js'

const [intervalMs, seconds] = process.argv.slice(2).map(Number)
const wishes = { devices: null, intervalMs, slowIntervalMs: 100, libraryPath: simulate() }
const { sampler } = await openSampler(wishes)
await sampler.ready()
const before = process.cpuUsage()
const window = sampler.beginWindow()
await sleep(seconds * 1e3)
const { user, system } = process.cpuUsage(before)
const { startNs, endNs, sampler: own } = await window.end()
const answer = {
  readings: own.samples,
  elapsed_s: (endNs - startNs) / 1e9,
  // Of the whole process: both threads of the sampler, and Node.
  cpu_s: (user + system) / 1e6,
  // Of the thread that reads, and what of that was inside the driver.
  sampler_cpu_s: own.cpuS,
  driver_s: own.driverS,
  lateness_us_p50: own.latenessUsP50 ?? null,
  lateness_us_p99: own.latenessUsP99 ?? null,
}
process.stdout.write(JSON.stringify(answer))
sampler.close()
