// node scripted-load.mjs SCENARIO FOR_S: tells the edges of the square waves of a scenario from now on, as a load that
// made them would, and ends after FOR_S seconds or with the last of them. Pulses, of less than a second each, are a load
// of their own: what comes after them is told by one that starts when they are over.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const [, , scenarioPath, forS] = process.argv
const scenario = JSON.parse(readFileSync(scenarioPath, 'utf8'))
const startNs = Number(process.hrtime.bigint())
let pulsesEndNs = 0
let atNs = scenario.epoch_monotonic_ns
for (const { for_s, square } of scenario.devices[0].power.segments) {
  atNs += for_s * 1e9
  if (square?.period_s < 1) pulsesEndNs = atNs
}
const limitNs = startNs + Number(forS) * 1e9
const endNs = startNs < pulsesEndNs ? Math.min(limitNs, pulsesEndNs) : limitNs
atNs = scenario.epoch_monotonic_ns
for (const { for_s, square } of scenario.devices[0].power.segments) {
  const periods = square === undefined ? 0 : Math.round(for_s / square.period_s)
  for (let k = 0; k < periods; k++) {
    const onNs = atNs + k * square.period_s * 1e9
    if (onNs < startNs || onNs > endNs) continue
    console.log(JSON.stringify({ t_ns: onNs, on: true }))
    console.log(JSON.stringify({ t_ns: onNs + square.duty * square.period_s * 1e9, on: false }))
  }
  atNs += for_s * 1e9
}
await sleep((Math.min(atNs, endNs) - Number(process.hrtime.bigint())) / 1e6)
