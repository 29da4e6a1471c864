// Time for which this process was stopped and then continued: `scontrol suspend`, gang scheduling, Ctrl-Z and fg. Clocks go on
// meanwhile, and what is computed does not.

const BEAT_MS = 100
/** Of a beat that came late: the loop of a process that runs may be kept for a while by something else. */
const LATE_MS = 300
/** A beat may come before the signal is told. */
const TOLD_WITHIN_MS = 2000

/** Begins to watch. Ends with how many seconds of the time since then the process was stopped; 0 where it was not. */
export function watchSuspension(): () => number {
  let beatMs = performance.now()
  let late = { atMs: Number.NEGATIVE_INFINITY, ms: 0 }
  let stoppedMs = 0
  const beat = () => {
    const nowMs = performance.now()
    if (nowMs - beatMs > LATE_MS) late = { atMs: nowMs, ms: nowMs - beatMs }
    beatMs = nowMs
  }
  const timer = setInterval(beat, BEAT_MS)
  timer.unref()
  // Whoever continues a process that was not stopped changes nothing.
  const continued = () => {
    beat()
    if (beatMs - late.atMs < TOLD_WITHIN_MS) stoppedMs += late.ms
    late = { atMs: Number.NEGATIVE_INFINITY, ms: 0 }
  }
  process.on('SIGCONT', continued)
  return () => {
    clearInterval(timer)
    process.off('SIGCONT', continued)
    return stoppedMs / 1000
  }
}
