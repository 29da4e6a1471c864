// Every tool measures the same windows on the same simulated GPUs at the same time, each in processes of its own. What
// a tool says of a window is compared with the true energy of that tool's own window, so that a late start is no error.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CACHE } from '../folders.mjs'
import { pythonWithPeers, versionOf } from '../python-environment.mjs'
import { simulatedEnvironment } from '../simulated-environment.mjs'
import { errorsOf, summarise } from './errors.mjs'
import { judge } from './goals.mjs'
import { devicesOf, LOADS, SENSOR } from './loads.mjs'
import { startTool } from './run-tool.mjs'
import { scheduleOf } from './schedule.mjs'
import { commandOf, TOOLS } from './tools.mjs'
import { TrueEnergy } from './true-energy.mjs'

export async function measureAccuracy({ isQuick }) {
  const python = pythonWithPeers()
  const schedule = scheduleOf(isQuick)
  const devices = devicesOf(schedule)
  const epochNs = Number(process.hrtime.bigint())
  console.error(`bench: the windows take ${Math.ceil(schedule.endS)} s`)
  const folder = mkdtempSync(join(tmpdir(), 'llem-bench-'))
  let answers
  try {
    writeFiles(folder, schedule, devices, epochNs)
    answers = await answersOf(folder, python, epochNs + schedule.readyS * 1e9)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const truths = devices.map(({ power }) => new TrueEnergy(power.segments))
  const trueJ = (gpu, startNs, endNs) =>
    truths[gpu].joules((startNs - epochNs) / 1e9, (endNs - epochNs) / 1e9)
  const errors = errorsOf(answers, schedule.windows, trueJ)
  // Each window, for whoever wonders about a number.
  writeFileSync(join(CACHE, isQuick ? 'windows-quick.json' : 'windows.json'), JSON.stringify(errors))
  const results = summarise(errors)
  return {
    sensor: SENSOR,
    tools: TOOLS.map(({ name, how, package: from }) => ({ name, version: versionOf(from), how })),
    loads: LOADS.map(({ name, what }) => ({ name, what })),
    results,
    goals: judge(results),
  }
}

/** The scenario, the plan of the windows for the tools, and the folder for PATH. */
function writeFiles(folder, { windows, loadS }, devices, epochNs) {
  const atNs = (s) => Math.round(epochNs + s * 1e9)
  const scenario = { version: 1, epoch_monotonic_ns: epochNs, devices }
  writeFileSync(join(folder, 'scenario.json'), JSON.stringify(scenario))
  const plan = {
    gpus: devices.length,
    faulty: LOADS.flatMap(({ isFaulty }, gpu) => (isFaulty ? [gpu] : [])),
    baselineEndNs: atNs(loadS),
    windows: windows.map(({ startS, endS }) => [atNs(startS), atNs(endS)]),
  }
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan))
  mkdirSync(join(folder, 'path'))
  // CodeCarbon looks for a GPU only where this program runs.
  writeFileSync(join(folder, 'path/nvidia-smi'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
}

/** The answers of every tool by its name. A tool that fails, or is not ready in time, ends all of them. */
async function answersOf(folder, python, readyNs) {
  const env = simulatedEnvironment(join(folder, 'scenario.json'))
  env.PATH = `${join(folder, 'path')}${delimiter}${env.PATH}`
  // Zeus's processes import its script again; no cache of it belongs among the sources.
  env.PYTHONDONTWRITEBYTECODE = '1'
  const tools = TOOLS.map((tool) => ({
    name: tool.name,
    ...startTool({ command: commandOf(tool, python), folder, env }),
  }))
  const ended = Promise.all(tools.map(async (tool) => [tool.name, await tool.ended]))
  const ready = Promise.all(tools.map((tool) => tool.ready))
  try {
    const timeLeftMs = readyNs / 1e6 - Number(process.hrtime.bigint()) / 1e6
    await Promise.race([ready, ended, sleep(timeLeftMs, null, { ref: false }).then(tooLate)])
    return Object.fromEntries(await ended)
  } finally {
    for (const tool of tools) tool.stop()
  }
}

function tooLate() {
  throw new Error('the tools were not ready before the first window; the machine is too busy')
}
