// How evenly and at what cost simulated GPUs are read: one of them by one tool after the other, eight by llem beside a thread
// that only wakes up.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { CACHE, ROOT } from '../folders.mjs'
import { pythonWithPeers } from '../python-environment.mjs'
import { builtExample } from '../rust-example.mjs'
import { simulatedEnvironment } from '../simulated-environment.mjs'
import { quantile } from '../statistics.mjs'

const FOLDER = join(CACHE, 'sampling')
const INTERVALS_MS = [10, 1]
/** What a driver call costs on current boards; busy, so it is CPU time of whoever calls. */
const CALL_LATENCY_US = { power: 20, fields: 20, energy: 200, other: 5 }

/** The size at which the sampler's own cost is judged. */
const GPUS = 8

export function measureSampling({ isQuick }) {
  return { ...measureTools({ isQuick }), own_cost: measureOwnCost({ isQuick }) }
}

function measureTools({ isQuick }) {
  const seconds = isQuick ? 1 : 15
  const tools = {
    llem: [process.execPath, script('llem-sampler.mjs')],
    'pynvml loop': [pythonWithPeers(), script('pynvml_loop.py')],
    'setInterval, no driver call': [process.execPath, script('set-interval.mjs')],
  }
  const env = simulatedEnvironment(scenarioFile(1))
  const results = []
  onIdleAndBusyCores({ isQuick }, (coresAre) => {
    for (const intervalMs of INTERVALS_MS) {
      for (const [tool, [command, file]] of Object.entries(tools)) {
        const args = [file, String(intervalMs), String(seconds)]
        const printed = execFileSync(command, args, { env, cwd: FOLDER, encoding: 'utf8' })
        results.push(resultOf(tool, coresAre, intervalMs, JSON.parse(printed)))
      }
    }
  })
  return { seconds, results }
}

/** What llem's sampler takes for a device read beyond the driver's calls, and how much of that is waking up at all. */
function measureOwnCost({ isQuick }) {
  const [seconds, rounds, intervalMs] = [isQuick ? 1 : 5, isQuick ? 1 : 7, 10]
  const bareWakes = builtExample('bare-wakes')
  const env = simulatedEnvironment(scenarioFile(GPUS))
  const results = []
  onIdleAndBusyCores({ isQuick }, (coresAre) => {
    const [own, bare, lateness] = [[], [], []]
    // In turn, so that what else the machine does falls on both.
    for (let round = 0; round < rounds; round++) {
      const llem = JSON.parse(
        execFileSync(process.execPath, [script('llem-sampler.mjs'), String(intervalMs), String(seconds)], {
          ...{ env, cwd: FOLDER, encoding: 'utf8' },
        }),
      )
      own.push((1e6 * (llem.sampler_cpu_s - llem.driver_s)) / llem.readings)
      lateness.push(llem.lateness_us_p99)
      const busyUs = (1e6 * llem.driver_s) / (llem.readings / GPUS)
      const wakes = JSON.parse(execFileSync(bareWakes, [intervalMs, seconds, busyUs].map(String)))
      bare.push((1e6 * (wakes.cpu_s - wakes.busy_s)) / wakes.wakes / GPUS)
    }
    results.push({
      cores_are: coresAre,
      own_us_per_read: quantile(own, 0.5),
      bare_wake_us_per_read: quantile(bare, 0.5),
      lateness_us_p99: quantile(lateness, 0.5),
    })
  })
  return { gpus: GPUS, interval_ms: intervalMs, seconds, rounds, results }
}

function onIdleAndBusyCores({ isQuick }, measure) {
  for (const coresAre of isQuick ? ['idle'] : ['idle', 'busy']) {
    const busy = coresAre === 'busy' ? occupyEveryCore() : []
    try {
      measure(coresAre)
    } finally {
      for (const child of busy) child.kill()
    }
  }
}

function resultOf(
  tool,
  coresAre,
  intervalMs,
  { readings, elapsed_s, cpu_s, lateness_us_p50, lateness_us_p99 },
) {
  return {
    ...{ tool, cores_are: coresAre, interval_ms: intervalMs },
    achieved_hz: readings / elapsed_s,
    lateness_us_p50,
    lateness_us_p99,
    cpu_us_per_reading: (1e6 * cpu_s) / readings,
  }
}

function script(name) {
  return join(ROOT, 'bench/sampling', name)
}

function scenarioFile(gpus) {
  mkdirSync(FOLDER, { recursive: true })
  const path = join(FOLDER, `scenario-${gpus}.json`)
  const square = { low_w: 330, high_w: 480, period_s: 0.025, duty: 0.5 }
  const devices = Array.from({ length: gpus }, (_, position) => ({
    uuid: `GPU-${position}`,
    power: { segments: [{ for_s: 10, square }], repeat: true },
    call_latency_us: CALL_LATENCY_US,
  }))
  writeFileSync(path, JSON.stringify({ version: 1, devices }))
  return path
}

function occupyEveryCore() {
  return cpus().map(() => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }))
}
