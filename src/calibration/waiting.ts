import type { Observer } from '../progress/observer.js'

export interface Wait {
  label: string
  /** Seconds. */
  total: number
  /** It may be over sooner. */
  isLimit?: boolean
}

const REFRESH_MS = 500

/** Does work that takes seconds, visibly. */
export async function whileWaiting<T>(
  { observer }: { observer: Observer },
  { label, total, isLimit = false }: Wait,
  work: () => Promise<T>,
): Promise<T> {
  const progress = observer.progress({ label, total, unit: 's', isLimit })
  const startMs = performance.now()
  const timer = setInterval(
    () => progress.update(Math.min(total, Math.round((performance.now() - startMs) / 1000))),
    REFRESH_MS,
  )
  try {
    return await work()
  } finally {
    clearInterval(timer)
    progress.stop()
  }
}
