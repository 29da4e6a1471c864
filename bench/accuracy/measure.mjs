// Every tool measures the same windows on the same simulated GPUs at the same time, each in processes of its own. What
// a tool says of a window is compared with the true energy of that tool's own window, so that a late start is no error.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CACHE } from '../folders.mjs'
import { pythonWithPeers, versionOf } from '../python-environment.mjs'
import { simulatedEnvironment } from '../simulated-environment.mjs'
import { coverageOf, errorsOf, summarise } from './errors.mjs'
import { judge } from './goals.mjs'
import { latenessOf, startCountingCpu } from './load-of-machine.mjs'
import { SENSOR } from './loads.mjs'
import { startTool } from './run-tool.mjs'
import { scheduleOf } from './schedule.mjs'
import { devicesOf, gpusOf, machinesOf, pollersOf, samplersOf, subjectsOf } from './subjects.mjs'
import { commandOf, TOOLS } from './tools.mjs'
import { TrueEnergy } from './true-energy.mjs'

/** `classes`: which kinds of boards; undefined: all. `windowsOfEach`: so many of each length, in place of the usual. */
export async function measureAccuracy({ isQuick, classes, windowsOfEach }) {
  const subjects = subjectsOf(classes)
  const gpus = gpusOf(subjects)
  const python = pythonWithPeers()
  const machines = machinesOf(gpus)
  const schedule = scheduleOf({ isQuick, windowsOfEach, machines: machines.length })
  const devices = devicesOf(schedule, gpus)
  const epochNs = Number(process.hrtime.bigint())
  console.error(`bench: ${gpus.length} GPUs; the windows take ${Math.ceil(schedule.endS)} s`)
  const folder = mkdtempSync(join(tmpdir(), 'llem-bench-'))
  let measured
  try {
    const started = machines.map((members, machine) => {
      const path = join(folder, String(machine))
      const here = { gpus: members.map((gpu) => gpus[gpu]), devices: members.map((gpu) => devices[gpu]) }
      writeMachine(path, schedule, here, epochNs)
      return { folder: path, members }
    })
    measured = await runTools(started, python, epochNs + schedule.readyS * 1e9)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const { answersOf, cpuOf, busyShare, seconds } = measured
  const truths = devices.map(({ power }) => new TrueEnergy(power.segments))
  const trueJ = (gpu, startNs, endNs) =>
    truths[gpu].joules((startNs - epochNs) / 1e9, (endNs - epochNs) / 1e9)
  const errors = errorsOf(answersOf, gpus, schedule.windows, trueJ)
  // Each window, for whoever wonders about a number.
  writeFileSync(join(CACHE, isQuick ? 'windows-quick.json' : 'windows.json'), JSON.stringify(errors))
  const results = summarise(errors)
  return {
    sensor: SENSOR,
    tools: TOOLS.map(({ name, how, package: from }) => ({
      ...{ name, version: versionOf(from), how },
      ...{ cores: cpuOf[name] / seconds, late: latenessOf(answersOf[name], schedule, epochNs) },
    })),
    busy_share: busyShare,
    loads: subjects.map(({ class: of, name, what, sensor }) => ({ class: of, name, what: what ?? sensor })),
    results,
    coverage: coverageOf(errors),
    goals: judge(results, errors),
  }
}

/** The scenario of a machine, the plan of the windows for the tools, and the folder for PATH. */
function writeMachine(folder, { windows, loadS }, { gpus, devices }, epochNs) {
  mkdirSync(join(folder, 'path'), { recursive: true })
  const atNs = (s) => Math.round(epochNs + s * 1e9)
  const scenario = { version: 2, epoch_monotonic_ns: epochNs, devices }
  writeFileSync(join(folder, 'scenario.json'), JSON.stringify(scenario))
  const plan = {
    gpus: gpus.length,
    samplers: samplersOf(gpus),
    pollers: pollersOf(gpus),
    baselineEndNs: atNs(loadS),
    windows: windows.map(({ startS, endS }) => [atNs(startS), atNs(endS)]),
  }
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan))
  // CodeCarbon looks for a GPU only where this program runs.
  writeFileSync(join(folder, 'path/nvidia-smi'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
}

/**
 * The answers of every tool by its name, the CPU seconds that they took, and how busy the machine was from when all were
 * ready. A tool that fails, or is not ready in time, ends all of them.
 */
async function runTools(machines, python, readyNs) {
  const tools = []
  const startAll = async () => {
    // One machine after the other: Zeus gives its processes 10 s to start, which dozens at once do not make.
    for (const { folder, members } of machines) {
      const here = TOOLS.map((tool) => ({
        ...{ name: tool.name, members },
        ...startTool({ command: commandOf(tool, python), folder, env: environmentOf(folder) }),
      }))
      tools.push(...here)
      // Whoever ends before all have started is told of below.
      for (const tool of here) tool.ended.catch(() => {})
      await Promise.all(here.map((tool) => Promise.race([tool.ready, tool.ended])))
    }
  }
  try {
    const timeLeftMs = readyNs / 1e6 - Number(process.hrtime.bigint()) / 1e6
    await Promise.race([startAll(), sleep(timeLeftMs, null, { ref: false }).then(tooLate)])
    const ended = Promise.all(tools.map((tool) => tool.ended))
    const [readyMs, busyShare] = [performance.now(), startCountingCpu()]
    const each = await ended
    const [answersOf, cpuOf] = [{}, {}]
    for (const [position, { name, members }] of tools.entries()) {
      const { answers, cpuS } = each[position]
      // A tool knows its GPUs by their places in its machine.
      const placed = answers.map((answer) => ({ ...answer, gpu: members[answer.gpu] }))
      answersOf[name] = [...(answersOf[name] ?? []), ...placed]
      cpuOf[name] = (cpuOf[name] ?? 0) + cpuS
    }
    return { answersOf, cpuOf, busyShare: busyShare(), seconds: (performance.now() - readyMs) / 1000 }
  } finally {
    for (const tool of tools) tool.stop()
  }
}

function environmentOf(folder) {
  const env = simulatedEnvironment(join(folder, 'scenario.json'))
  return {
    ...env,
    PATH: `${join(folder, 'path')}${delimiter}${env.PATH}`,
    // What llem has learnt of other boards of these UUIDs is not of these.
    XDG_DATA_HOME: join(folder, 'data'),
    // Zeus's processes import its script again; no cache of it belongs among the sources.
    PYTHONDONTWRITEBYTECODE: '1',
  }
}

function tooLate() {
  throw new Error('the tools were not ready before the first window; the machine is too busy')
}
