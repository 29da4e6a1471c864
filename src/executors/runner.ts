// The process that runs a campaign's experiments, one after the other: node runner.js. When its stdin ends it keeps
// what was measured, ends its workers and exits.

import { loadExperimentConfig } from '../config/load.js'
import { configError } from '../config/problems.js'
import { LlemError, messageOf } from '../core/errors.js'
import { learnEnvironment } from '../core/secrets.js'
import { systemFault } from '../core/system-fault.js'
import { chooseLibrary } from '../energy/library.js'
import { KeptFleet } from '../experiment/kept-fleet.js'
import { runExperiment } from '../experiment/run.js'
import { containCrashes } from '../native/addon.js'
import { waitForLock } from '../native/lock.js'
import type { Observer } from '../progress/observer.js'
import { claimStdout } from '../workers/claim-stdout.js'
import { LineSplitter } from '../workers/line-splitter.js'
import { processTree } from '../workers/process-tree.js'
import type { WorkerFault } from '../workers/wire.js'
import {
  RUNNER_PROTOCOL,
  type RunnerEvent,
  type RunOrder,
  type RunSummary,
  runnerRequestSchema,
} from './protocol.js'
import { summaryOf } from './summary.js'

const LOCK_MS = 30_000
const POWER_EVERY_MS = 500

learnEnvironment(process.env)
containCrashes()
const say = claimStdout()
const lines = new LineSplitter()
const kept = new KeptFleet()
const ended = new AbortController()
/** The order at hand. A worker that is kept loaded speaks on in later experiments, so it is not the one it was started in. */
let running: number | null = null
let queue: Promise<void> = Promise.resolve()

process.stdin.on('data', (chunk: Buffer) => {
  for (const line of lines.push(chunk)) queue = queue.then(() => answer(line))
})
process.stdin.once('end', leave)
process.stdin.once('error', leave)
process.stdout.once('error', leave)

// It was told to end and took too long: a worker hangs, which would burn on once nobody waits for it.
process.once('SIGTERM', () => {
  for (const { pid } of processTree(process.pid)) if (pid !== process.pid) killNow(pid)
  process.exit(1)
})

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

function leave(): void {
  ended.abort(new Error('the campaign has ended'))
  void queue.then(() => kept.close()).then(() => process.exit(0))
}

async function answer(line: string): Promise<void> {
  const request = runnerRequestSchema.parse(JSON.parse(line))
  const { id } = request
  try {
    if (request.verb === 'hello') {
      await holdLock(request.lock_path)
      return say({ id, ok: true, protocol: RUNNER_PROTOCOL })
    }
    if (request.verb === 'ping') return say({ id, ok: true })
    running = id
    const summary = await runOne(request, observer)
    running = null
    say({ id, ok: true, ...summary })
  } catch (error) {
    running = null
    say({ id, ok: false, error: faultOf(error) })
  }
}

/** The runner of a campaign that was killed may still be ending its workers. */
async function holdLock(path: string): Promise<void> {
  try {
    // It is never released: the kernel does that when this process is gone.
    await waitForLock(path, { signal: AbortSignal.any([ended.signal, AbortSignal.timeout(LOCK_MS)]) })
  } catch (cause) {
    if (cause instanceof LlemError) throw cause
    throw new LlemError('what ran the last experiment of this campaign does not end', {
      code: 'RUNNER_BUSY',
      hint: 'Look for a process `runner.js` and end it.',
      cause,
    })
  }
}

async function runOne(order: RunOrder, observer: Observer): Promise<RunSummary> {
  const loaded = loadExperimentConfig({ text: JSON.stringify(order.config) })
  if (!loaded.ok) throw configError(loaded.problems)
  const config = { ...loaded.config, output_dir: order.output_dir }
  const { service } = order
  const library = chooseLibrary(order.simulate === false ? undefined : order.simulate)
  const options = { ...library, observer, signal: ended.signal, kept, service }
  const { result, runDir } = await runExperiment(config, options)
  if (!order.keep_loaded) await kept.close()
  return summaryOf(result, runDir)
}

/** Between two orders nobody asks. */
function tell(event: DistributiveOmit<RunnerEvent, 'id'>): void {
  if (running !== null) say({ ...event, id: running })
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** The latest power, looked up at most so often: nothing is read for it, but nobody can follow more either. */
class PowerReading {
  #read: (() => number | null) | null = null
  #latestW: number | null = null
  #readMs = Number.NEGATIVE_INFINITY

  from(read: (() => number | null) | null): void {
    this.#read = read
    this.#latestW = null
    this.#readMs = Number.NEGATIVE_INFINITY
  }

  nowW(): number | null {
    const nowMs = performance.now()
    if (nowMs - this.#readMs >= POWER_EVERY_MS) {
      this.#readMs = nowMs
      this.#latestW = this.#read?.() ?? null
    }
    return this.#latestW
  }
}

const power = new PowerReading()
const observer: Observer = {
  note: (text) => tell({ event: 'said', text, detail: false }),
  detail: (text) => tell({ event: 'said', text, detail: true }),
  metering: (readPowerW) => power.from(readPowerW),
  progress({ label, total, unit }) {
    let latest: [done: number, detail: string] = [0, '']
    const show = () => {
      const [done, detail] = latest
      tell({ event: 'progress', label, done, total, unit, detail, power_w: power.nowW() })
    }
    const update = (done: number, detail = '') => {
      latest = [done, detail]
      show()
    }
    show()
    // A request may take long, and the power is worth watching meanwhile.
    const timer = setInterval(show, POWER_EVERY_MS)
    return { update, stop: () => clearInterval(timer) }
  },
}

function faultOf(thrown: unknown): WorkerFault {
  const error = thrown instanceof LlemError ? thrown : (systemFault(thrown) ?? thrown)
  if (error instanceof LlemError) return { code: error.code, message: error.message, hint: error.hint }
  console.error(error)
  return { code: 'EXPERIMENT_FAULT', message: messageOf(error) }
}
