// node set-interval.mjs INTERVAL_MS SECONDS: setInterval that only looks at the clock, as Node has no NVML of its own.
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from '../statistics.mjs'

const [intervalMs, seconds] = process.argv.slice(2).map(Number)
const startMs = performance.now()
const before = process.cpuUsage()
const latenessUs = []
let dueMs = startMs + intervalMs
const timer = setInterval(() => {
  const nowMs = performance.now()
  latenessUs.push(Math.max(0, 1e3 * (nowMs - dueMs)))
  dueMs = nowMs + intervalMs
}, intervalMs)
await sleep(seconds * 1e3)
clearInterval(timer)
const { user, system } = process.cpuUsage(before)
const answer = {
  readings: latenessUs.length,
  elapsed_s: (performance.now() - startMs) / 1e3,
  cpu_s: (user + system) / 1e6,
  lateness_us_p50: quantile(latenessUs, 0.5),
  lateness_us_p99: quantile(latenessUs, 0.99),
}
process.stdout.write(JSON.stringify(answer))
