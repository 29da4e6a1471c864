import type { Observer, Progress, Stretch } from './observer.js'

/** What takes less time than this is not shown. */
const SHOWN_AFTER_MS = 1000

/** Progress of something that mostly is over at once: nothing is shown of it in the first second. */
export function lateProgress(observer: Observer, stretch: Stretch): Progress {
  let latest: Parameters<Progress['update']> = [0]
  let shown: Progress | null = null
  const timer = setTimeout(() => {
    shown = observer.progress(stretch)
    shown.update(...latest)
  }, SHOWN_AFTER_MS)
  return {
    update: (...state) => {
      latest = state
      shown?.update(...state)
    },
    stop: () => {
      clearTimeout(timer)
      shown?.stop()
    },
  }
}
