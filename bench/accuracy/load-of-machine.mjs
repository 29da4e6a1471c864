// Did the tools disturb one another? How busy the machine was, what each tool cost, and how late it was at the edges.
import { cpus } from 'node:os'
import { quantile } from '../statistics.mjs'

const EDGES = [
  ['start', 'start_ns', 'startS'],
  ['end', 'end_ns', 'endS'],
]

/** Counts from now on; the function answers the share of all cores that was busy since. */
export function startCountingCpu() {
  const before = cpuTimes()
  return () => {
    const after = cpuTimes()
    return 1 - (after.idle - before.idle) / (after.all - before.all)
  }
}

/** Milliseconds between when an edge was due and when the tool had it, over all windows and GPUs. */
export function latenessOf(answers, { windows }, epochNs) {
  const lateness = {}
  for (const [edge, key, dueS] of EDGES) {
    const late = answers
      .filter((answer) => answer[key] !== undefined)
      .map((answer) => (answer[key] - (epochNs + windows[answer.window][dueS] * 1e9)) / 1e6)
    lateness[edge] = { p50_ms: quantile(late, 0.5), p99_ms: quantile(late, 0.99) }
  }
  return lateness
}

function cpuTimes() {
  const times = cpus().map((cpu) => cpu.times)
  const sum = (values) => values.reduce((total, value) => total + value, 0)
  return { idle: sum(times.map(({ idle }) => idle)), all: sum(times.flatMap((each) => Object.values(each))) }
}
