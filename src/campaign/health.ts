// Between two runs: a look at the GPUs and at what runs the experiments -> what is wrong -> a restart, a pause, or a note.

import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CampaignKeys } from '../config/schema-campaign.js'
import { LlemError, messageOf } from '../core/errors.js'
import { maskedJson } from '../core/secrets.js'
import { adviceOn } from '../core/system-fault.js'
import type { Executor } from '../executors/executor.js'
import type { GpuLook, GpuWatch } from '../native/health.js'
import type { Observer } from '../progress/observer.js'
import { stopIfInterrupted } from '../progress/wait.js'
import { aboveBefore, type Finding, type Judgement, judge } from './health-findings.js'
import { MemoryHistory } from './memory-history.js'

/** The GPUs that a campaign measures, or why nobody can look at them. */
export type GpusToWatch = { watch: GpuWatch; reason: null } | { watch: null; reason: string }

interface HealthContext {
  dir: string
  config: CampaignKeys['health_check']
  gpus: GpusToWatch
  executor: Executor
  observer: Observer
  signal: AbortSignal | undefined
  /** How long is waited for things to get better, in milliseconds. */
  limits?: Partial<typeof LIMITS>
}

const LIMITS = {
  /** For an answer of what runs the experiments. */
  respondMs: 5000,
  /** For an answer of the driver, which may hang on a broken GPU. */
  lookMs: 10_000,
  /** For memory to be given back by a process that has just ended. */
  settleMs: 5000,
  /** For a healthy look after a restart. */
  recoverMs: 30_000,
}
const AGAIN_MS = 500
const FILE = 'health.jsonl'
const MIB = 1024 * 1024

/** What one check has found. */
interface Check extends Judgement {
  now: GpuLook[] | null
  reason: string | null
  responds: boolean | null
}

/** The health checks of one campaign. */
export class HealthChecks {
  readonly #context: HealthContext
  readonly #limits: typeof LIMITS
  #before: GpuLook[] | null = null
  readonly #history = new MemoryHistory()
  /** Findings that were told already: a foreign process is worth one sentence, not one a check. */
  readonly #told = new Set<string>()
  #restarts: number
  /** Nothing is loaded: no experiment has run since the last restart. */
  #fresh = true
  #sinceCheck = 0

  constructor(context: HealthContext) {
    this.#context = context
    this.#limits = { ...LIMITS, ...context.limits }
    this.#restarts = restartsIn(context.dir)
  }

  /** Of the whole campaign, those before it was resumed among them. */
  get restarts(): number {
    return this.#restarts
  }

  /**
   * The look that all others are compared with; of a daemon, before its first round, so that what one round leaves shows
   * in the next. Resolves with why the campaign cannot begin, or null.
   */
  async begin(): Promise<string | null> {
    if (!this.#context.config.enabled) return null
    this.#history.clear()
    this.#fresh = true
    this.#sinceCheck = 0
    const startMs = performance.now()
    const { looks, reason } = await this.#look()
    this.#before ??= looks
    if (looks === null) this.#context.observer.note(`The GPUs' health is not known: ${reason}`)
    const responds = await this.#context.executor.responds(this.#limits.respondMs)
    const check = this.#judged(looks, reason, responds)
    const pause = pauseOf(check)
    this.#record('the start of the campaign', check, startMs, pause === null ? null : 'pause')
    this.#tell(check)
    return pause
  }

  /** After a run. `ended`: the cycle is over; `troubled`: it failed or has no energy; `last`: nothing is left to run. */
  async afterRun(run: {
    ended: boolean
    troubled: boolean
    last: boolean
    name: string
  }): Promise<string | null> {
    const { enabled, interval_experiments: interval } = this.#context.config
    if (!enabled) return null
    this.#fresh = false
    this.#sinceCheck += 1
    const isDue = interval > 0 && this.#sinceCheck >= interval
    if (!run.ended && !run.troubled && !isDue) return null
    this.#sinceCheck = 0
    const why = run.ended ? 'a cycle' : run.troubled ? 'a run in trouble' : `${interval} runs`
    return this.#check(`${why}, ${run.name}`, run.last)
  }

  async #check(after: string, isLast: boolean): Promise<string | null> {
    const { observer, signal, config } = this.#context
    const startMs = performance.now()
    const check = await this.#settled()
    const pause = pauseOf(check)
    const wants = check.findings.some(({ remedy }) => remedy === 'restart')
    const may = config.restart_on_failure && this.#restarts < config.max_restarts && !isLast
    const action = pause !== null ? 'pause' : wants && may ? 'restart' : null
    if (action === 'restart') this.#restarts += 1
    this.#record(after, check, startMs, action)
    this.#tell(check)
    if (action !== 'restart') {
      if (wants && pause === null && !isLast)
        observer.note(
          config.restart_on_failure
            ? `Not restarted: all ${config.max_restarts} restarts of the campaign are used up. It goes on.`
            : 'Not restarted: health_check.restart_on_failure is false. It goes on.',
        )
      return pause
    }
    observer.note(`Restarting what runs the experiments (${this.#restarts} of ${config.max_restarts}).`)
    return await this.#restart(signal)
  }

  async #restart(signal: AbortSignal | undefined): Promise<string | null> {
    const { executor, observer } = this.#context
    const startMs = performance.now()
    this.#history.clear()
    this.#fresh = true
    let failure: string | null = null
    await executor.restart().catch((error: unknown) => {
      failure = messageOf(error)
    })
    for (;;) {
      stopIfInterrupted(signal)
      const check = await this.#once()
      const pause = pauseOf(check)
      const isWell = failure === null && !check.findings.some(({ remedy }) => remedy !== 'none')
      const isOver = performance.now() - startMs >= this.#limits.recoverMs
      if (pause === null && !isWell && !isOver && failure === null) {
        await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined)
        continue
      }
      this.#record(`restart ${this.#restarts}`, check, startMs, pause === null ? null : 'pause')
      if (isWell)
        observer.note(`Well again ${((performance.now() - startMs) / 1000).toFixed(1)} s after the restart.`)
      else
        observer.note(
          `Still not well after the restart: ${failure ?? wordsOf(check)}${pause === null ? ' The campaign goes on.' : ''}`,
        )
      return pause
    }
  }

  /** A look, and another one where memory is in use that a process which has just ended may be giving back. */
  async #settled(): Promise<Check> {
    const { signal } = this.#context
    const startMs = performance.now()
    for (;;) {
      stopIfInterrupted(signal)
      const check = await this.#once()
      const maySettle = check.findings.some(({ kind }) => kind === 'memory_above_before')
      if (!maySettle || performance.now() - startMs >= this.#limits.settleMs) return this.#remembered(check)
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  async #once(): Promise<Check> {
    const responds = await this.#context.executor.responds(this.#limits.respondMs)
    const { looks, reason } = await this.#look()
    return this.#judged(looks, reason, responds)
  }

  /** Keeps what each process of the campaign holds, and judges with it. */
  #remembered({ now, reason, responds }: Check): Check {
    this.#history.remember(now ?? [])
    return this.#judged(now, reason, responds)
  }

  #judged(now: GpuLook[] | null, reason: string | null, responds: boolean | null): Check {
    const { config, executor } = this.#context
    const judgement = judge({
      before: this.#before,
      now,
      reason,
      responds,
      nothingLoaded: responds === null || this.#fresh,
      tellsOwn: executor.name === 'local',
      history: this.#history,
      thresholdPct: config.gpu_memory_threshold_pct,
    })
    return { ...judgement, now, reason, responds }
  }

  async #look(): Promise<{ looks: GpuLook[]; reason: null } | { looks: null; reason: string }> {
    const { watch, reason } = this.#context.gpus
    if (watch === null) return { looks: null, reason }
    const { lookMs } = this.#limits
    try {
      return { looks: await watch.look(lookMs), reason: null }
    } catch (error) {
      return { looks: null, reason: messageOf(error) }
    }
  }

  /** Each finding is told when it is new. */
  #tell({ findings }: Check): void {
    for (const { kind, gpu_index, pid, message, remedy } of findings) {
      const key = `${kind} ${gpu_index} ${pid}`
      if (remedy === 'none' && this.#told.has(key)) continue
      this.#told.add(key)
      this.#context.observer.note(`Health: ${message}.`)
    }
  }

  /** One line of health.jsonl. A full disk costs the line alone. */
  #record(after: string, check: Check, startMs: number, action: 'restart' | 'pause' | null): void {
    const { findings, unknown, responds, reason } = check
    const line = {
      at: new Date().toISOString(),
      after,
      took_ms: Math.round((performance.now() - startMs) * 10) / 10,
      healthy: findings.length > 0 ? false : unknown.length > 0 ? null : true,
      findings,
      unknown,
      action,
      restarts: this.#restarts,
      responds,
      gpus: check.now?.map((gpu) => this.#gpuOf(gpu)) ?? null,
      gpus_reason: reason,
    }
    try {
      appendFileSync(join(this.#context.dir, FILE), `${maskedJson(line)}\n`)
    } catch (error) {
      this.#context.observer.note(`${FILE} could not be written (non-fatal): ${messageOf(error)}`)
    }
  }

  #gpuOf(gpu: GpuLook) {
    const before = this.#before?.find(({ uuid }) => uuid === gpu.uuid)
    return {
      index: gpu.index,
      uuid: gpu.uuid,
      condition: gpu.condition,
      cause: gpu.cause ?? null,
      memory_used_mb: mbOf(gpu.memoryUsedBytes),
      memory_total_mb: mbOf(gpu.memoryTotalBytes),
      memory_before_mb: mbOf(before?.memoryUsedBytes),
      memory_above_before_mb: mbOf(aboveBefore(gpu, before, this.#fresh) ?? undefined),
      processes:
        gpu.processes?.map(({ pid, name, relation, memoryUsedBytes }) => ({
          pid,
          name: name ?? null,
          relation,
          memory_used_mb: mbOf(memoryUsedBytes),
        })) ?? null,
      xids: gpu.xids ?? null,
    }
  }
}

/** How often a campaign has restarted what runs its experiments, by its records. */
export function restartsIn(dir: string): number {
  const path = join(dir, FILE)
  if (!existsSync(path)) return 0
  return linesOf(path).filter((line) => actionOf(line) === 'restart').length
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch (cause) {
    throw new LlemError(`${path} cannot be read: ${messageOf(cause)}.`, {
      code: 'CAMPAIGN_DAMAGED',
      hint: adviceOn(cause),
      cause,
    })
  }
}

/** A line that was cut off says nothing. */
function actionOf(line: string): unknown {
  try {
    return JSON.parse(line).action
  } catch {
    return null
  }
}

function pauseOf({ findings }: Judgement): string | null {
  const fatal = findings.filter(({ remedy }) => remedy === 'pause')
  return fatal.length === 0 ? null : fatal.map(({ message }) => message).join('; ')
}

function wordsOf({ findings }: { findings: readonly Finding[] }): string {
  const words = findings.filter(({ remedy }) => remedy !== 'none').map(({ message }) => message)
  return `${words.join('; ')}.`
}

function mbOf(bytes: number | undefined): number | null {
  return bytes === undefined ? null : Math.round(bytes / MIB)
}
