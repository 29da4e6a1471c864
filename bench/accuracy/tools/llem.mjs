// llem as a library, at its default interval. One sampler for the GPUs of a machine, as each load is an experiment of its
// own.
import { readFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSampler } from '../../../dist/energy/open.js'
import { energyOf } from '../../../dist/energy/window-energy.js'
import { simulate } from '../../../dist/native/simulation.js'

const INTERVAL_MS = 10
/** Timers of Node are late by up to a millisecond or two. */
const TIMER_LATE_MS = 5
const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const libraryPath = simulate()

const samplers = []
for (const devices of plan.samplers) {
  const wishes = { devices, intervalMs: INTERVAL_MS, slowIntervalMs: 100, libraryPath }
  const { sampler } = await openSampler(wishes)
  samplers.push(sampler)
}
await Promise.all(samplers.map((sampler) => sampler.ready()))
const before = process.cpuUsage()
answer({ ready: true })

// As an experiment does: idle, with a baseline.
const baselines = samplers.map((sampler) => sampler.beginWindow())
await until(plan.baselineEndNs)
await Promise.all(baselines.map((baseline) => baseline.end()))

const reports = []
for (const [window, [startNs, endNs]] of plan.windows.entries()) {
  await until(startNs)
  const open = samplers.map((sampler) => sampler.beginWindow())
  await until(endNs)
  reports.push(...open.map((each, position) => each.end().then((report) => tell(window, position, report))))
}
await Promise.all(reports)
for (const sampler of samplers) sampler.close()
const { user, system } = process.cpuUsage(before)
answer({ cpu_s: (user + system) / 1e6 })

function tell(window, position, report) {
  const { window: edges, devices } = energyOf(report, samplers[position])
  for (const [place, device] of devices.entries()) {
    const { total_j, integral_j, counter_j, uncertainty_j, absolute_uncertainty_j, method, reason } = device
    answer({
      ...{ window, gpu: plan.samplers[position][place], start_ns: edges.start_ns, end_ns: edges.end_ns },
      ...{ joules: total_j, integral_j, counter_j, uncertainty_j, absolute_uncertainty_j, method, reason },
      // A finding explains a number that is off.
      findings: device.findings.map(({ code }) => code),
    })
  }
}

function answer(fields) {
  writeSync(3, `${JSON.stringify(fields)}\n`)
}

async function until(ns) {
  const leftMs = () => ns / 1e6 - Number(process.hrtime.bigint()) / 1e6
  await sleep(Math.max(0, leftMs() - TIMER_LATE_MS))
  // Not a spin: the other tools want to be on time too.
  const nobody = new Int32Array(new SharedArrayBuffer(4))
  while (leftMs() > 0) Atomics.wait(nobody, 0, 0, leftMs())
}
