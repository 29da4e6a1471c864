import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Whether a process runs; one that ended and was not collected does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Waits until a process is gone; false when it still runs after the limit. */
export async function endsWithin(pid: number, limitMs: number): Promise<boolean> {
  return within(limitMs, () => !isRunning(pid))
}

/** Waits until a condition holds; false when it does not within the limit. */
export async function within(limitMs: number, condition: () => boolean): Promise<boolean> {
  const deadline = performance.now() + limitMs
  while (!condition()) {
    if (performance.now() > deadline) return false
    await sleep(10)
  }
  return true
}

/** The children of this process that are alive, by pid. */
export function childPids(): number[] {
  const file = `/proc/${process.pid}/task/${process.pid}/children`
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number)
}
