// How evenly and at what cost one simulated GPU is read, by one tool after the other.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { CACHE, ROOT } from '../folders.mjs'
import { pythonWithPeers } from '../python-environment.mjs'
import { simulatedEnvironment } from '../simulated-environment.mjs'

const FOLDER = join(CACHE, 'sampling')
const INTERVALS_MS = [10, 1]
/** What a driver call costs on current boards; busy, so it is CPU time of whoever calls. */
const CALL_LATENCY_US = { power: 20, fields: 20, energy: 200, other: 5 }

export async function measureSampling({ isQuick }) {
  const seconds = isQuick ? 1 : 15
  const script = (name) => join(ROOT, 'bench/sampling', name)
  const tools = {
    llem: [process.execPath, script('llem-sampler.mjs')],
    'pynvml loop': [pythonWithPeers(), script('pynvml_loop.py')],
    'setInterval, no driver call': [process.execPath, script('set-interval.mjs')],
  }
  const env = simulatedEnvironment(scenarioFile())
  const results = []
  for (const machineIs of isQuick ? ['idle'] : ['idle', 'busy']) {
    const busy = machineIs === 'busy' ? occupyEveryCore() : []
    try {
      for (const intervalMs of INTERVALS_MS) {
        for (const [tool, [command, file]] of Object.entries(tools)) {
          const args = [file, String(intervalMs), String(seconds)]
          const printed = execFileSync(command, args, { env, cwd: FOLDER, encoding: 'utf8' })
          results.push(resultOf(tool, machineIs, intervalMs, JSON.parse(printed)))
        }
      }
    } finally {
      for (const child of busy) child.kill()
    }
  }
  return { seconds, results }
}

function resultOf(tool, machineIs, intervalMs, { readings, elapsed_s, cpu_s, ...lateness }) {
  return {
    ...{ tool, cores_are: machineIs, interval_ms: intervalMs },
    achieved_hz: readings / elapsed_s,
    ...lateness,
    cpu_us_per_reading: (1e6 * cpu_s) / readings,
  }
}

function scenarioFile() {
  mkdirSync(FOLDER, { recursive: true })
  const path = join(FOLDER, 'scenario.json')
  const square = { low_w: 330, high_w: 480, period_s: 0.025, duty: 0.5 }
  const device = {
    power: { segments: [{ for_s: 10, square }], repeat: true },
    call_latency_us: CALL_LATENCY_US,
  }
  writeFileSync(path, JSON.stringify({ version: 1, devices: [device] }))
  return path
}

function occupyEveryCore() {
  return cpus().map(() => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }))
}
