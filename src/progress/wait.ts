import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError } from '../core/errors.js'
import { lateProgress } from './late-progress.js'
import type { Observer } from './observer.js'

/** Waits so many seconds, visibly. Resolves with the seconds that really passed; rejects when interrupted. */
export async function waitVisibly(
  label: string,
  seconds: number,
  { observer, signal }: { observer: Observer; signal: AbortSignal | undefined },
): Promise<number> {
  const start = performance.now()
  const elapsedS = () => (performance.now() - start) / 1000
  const progress = observer.progress({ label, total: seconds, unit: 's' })
  try {
    while (elapsedS() < seconds) {
      await sleep(Math.min(1000, Math.ceil((seconds - elapsedS()) * 1000)), undefined, { signal })
      progress.update(Math.min(seconds, Math.round(elapsedS())))
    }
  } catch (cause) {
    throw interrupted(cause)
  } finally {
    progress.stop()
  }
  return elapsedS()
}

/**
 * Shows work whose length nobody knows, once it takes more than a second: what is quick would only flicker. The work
 * may tell what it waits for, and give a wait within it a name and a limit of its own, until null.
 */
export async function shownWhileWaiting<T>(
  label: string,
  limitS: number,
  observer: Observer,
  work: (
    tell: (text: string) => void,
    rename: (within: { label: string; limitS: number } | null) => void,
  ) => Promise<T>,
): Promise<T> {
  let startMs = performance.now()
  const begin = (what: { label: string; limitS: number }) =>
    lateProgress(observer, { label: what.label, total: what.limitS, unit: 's', isLimit: true })
  let progress = begin({ label, limitS })
  let isRenamed = false
  const rename = (within: { label: string; limitS: number } | null) => {
    if (within === null && !isRenamed) return
    isRenamed = within !== null
    progress.stop()
    startMs = performance.now()
    progress = begin(within ?? { label, limitS })
  }
  let said = ''
  const show = () => progress.update(Math.round((performance.now() - startMs) / 1000), said)
  const timer = setInterval(show, 1000)
  try {
    return await work((text) => {
      said = text
    }, rename)
  } finally {
    clearInterval(timer)
    progress.stop()
  }
}

/** Ctrl-C, or whatever else aborted the experiment. */
export function interrupted(cause: unknown, hint: string | null = null): LlemError {
  return new LlemError('The experiment was interrupted.', { code: 'INTERRUPTED', hint, cause })
}

/** Between two steps: goes no further once the experiment was interrupted. */
export function stopIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interrupted(signal.reason)
}

/** The work, unless the experiment is interrupted first: then it is waited for no longer, and what it comes to is lost. */
export async function unlessInterrupted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  stopIfInterrupted(signal)
  const ended = new AbortController()
  const aborted = new Promise<never>((_, reject) => {
    const stop = () => reject(interrupted(signal.reason))
    signal.addEventListener('abort', stop, { once: true, signal: ended.signal })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    ended.abort()
    work.catch(() => undefined)
  }
}
