// Every tool measures the same windows on the same simulated GPUs at the same time, each in processes of its own. What
// a tool says of a window is compared with the true energy of that tool's own window, so that a late start is no error.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CACHE, ROOT, SIMULATED_LIBRARY } from '../folders.mjs'
import { pythonWithPeers } from '../python-environment.mjs'
import { errorsOf, summarise } from './errors.mjs'
import { judge } from './goals.mjs'
import { devicesOf, LOADS, SENSOR } from './loads.mjs'
import { startTool } from './run-tool.mjs'
import { scheduleOf } from './schedule.mjs'
import { TrueEnergy } from './true-energy.mjs'

const FOLDER = join(CACHE, 'accuracy')
const TOOLS_FOLDER = join(ROOT, 'bench/accuracy/tools')
const PYTHON_TOOLS = {
  ZeusMonitor: 'zeus_monitor.py',
  PowerMonitor: 'power_monitor.py',
  CodeCarbon: 'codecarbon_tasks.py',
  'pynvml loop': 'pynvml_loop.py',
}

export async function measureAccuracy({ isQuick }) {
  const python = pythonWithPeers()
  const schedule = scheduleOf(isQuick)
  const devices = devicesOf(schedule)
  const epochNs = Number(process.hrtime.bigint())
  const files = writePlan(schedule, devices, epochNs)
  console.error(`bench: the windows take ${Math.ceil(schedule.endS)} s`)
  const answers = await answersOf(toolCommands(python), files, epochNs + schedule.readyS * 1e9)

  const truths = devices.map(({ power }) => new TrueEnergy(power.segments))
  const trueJ = (gpu, startNs, endNs) =>
    truths[gpu].joules((startNs - epochNs) / 1e9, (endNs - epochNs) / 1e9)
  const errors = errorsOf(answers, schedule.windows, trueJ)
  // Each window, for whoever wonders about a number.
  writeFileSync(join(FOLDER, 'windows.json'), JSON.stringify(errors))
  const results = summarise(errors)
  return {
    sensor: SENSOR,
    loads: LOADS.map(({ name, what }) => ({ name, what })),
    results,
    goals: judge(results),
  }
}

function toolCommands(python) {
  const peers = Object.entries(PYTHON_TOOLS).map(([name, file]) => [name, [python, join(TOOLS_FOLDER, file)]])
  return { llem: [process.execPath, join(TOOLS_FOLDER, 'llem.mjs')], ...Object.fromEntries(peers) }
}

function writePlan({ windows, loadS }, devices, epochNs) {
  const atNs = (s) => Math.round(epochNs + s * 1e9)
  mkdirSync(join(FOLDER, 'path'), { recursive: true })
  const files = { scenario: join(FOLDER, 'scenario.json'), plan: join(FOLDER, 'plan.json') }
  writeFileSync(files.scenario, JSON.stringify({ version: 1, epoch_monotonic_ns: epochNs, devices }))
  const plan = {
    gpus: devices.length,
    faulty: LOADS.flatMap(({ isFaulty }, gpu) => (isFaulty ? [gpu] : [])),
    baselineEndNs: atNs(loadS),
    windows: windows.map(({ startS, endS }) => [atNs(startS), atNs(endS)]),
  }
  writeFileSync(files.plan, JSON.stringify(plan))
  // CodeCarbon looks for a GPU only where this program runs.
  writeFileSync(join(FOLDER, 'path/nvidia-smi'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
  return files
}

/** The answers of every tool by its name. A tool that fails, or is not ready in time, ends all of them. */
async function answersOf(commands, { scenario, plan }, readyNs) {
  const { CUDA_VISIBLE_DEVICES: _, ...inherited } = process.env
  const env = {
    ...inherited,
    PATH: `${join(FOLDER, 'path')}:${process.env.PATH}`,
    LD_LIBRARY_PATH: SIMULATED_LIBRARY,
    LLEM_NVML_SIM: scenario,
    PYTHONDONTWRITEBYTECODE: '1',
  }
  const tools = Object.entries(commands).map(([name, command]) => {
    const logPath = join(FOLDER, `${name.replaceAll(' ', '-')}.log`)
    return { name, ...startTool({ command, planPath: plan, env, cwd: FOLDER, logPath }) }
  })
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
