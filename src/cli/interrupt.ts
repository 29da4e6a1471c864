import { watchSignals } from '../native/signals.js'
import { EXIT } from './exit.js'
import { isTerminal, say } from './screen.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Runs work that a signal ends cleanly; a second one ends the process at once, and so does the first where a call holds
 * the event loop. `quiet` is for work that has nothing to lose, so that nothing need be said.
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { quiet = false }: { quiet?: boolean } = {},
): Promise<T> {
  const controller = new AbortController()
  let seen: () => void = () => undefined
  const onSignal = (signal: NodeJS.Signals) => {
    seen()
    if (controller.signal.aborted) process.exit(EXIT.interrupted)
    // The terminal has shown ^C in the middle of a line.
    const lead = isTerminal(process.stderr) ? '\n' : ''
    if (!quiet) say(`${lead}${signal}: ending cleanly and keeping what was measured; once more ends at once.`)
    controller.abort(new Error(signal))
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  const watch = await watchSignals()
  seen = watch.seen
  try {
    return await work(controller.signal)
  } finally {
    watch.close()
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
}
