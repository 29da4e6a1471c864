import { printable } from '../core/printable.js'
import type { Observer, Progress, Stretch } from '../progress/observer.js'
import { durationText, isTerminal, say } from './screen.js'
import { StatusLine } from './status-line.js'

/** Between two lines about the same stretch, where there is no bar. */
const LINE_EVERY_MS = 30_000
/** Wide enough to see, narrow enough for the numbers beside it on 60 columns. */
const BAR_COLUMNS = { most: 24, least: 8 }

/** Shows an experiment on stderr: a bar on a terminal, plain lines elsewhere, nothing when quiet. */
export function terminalObserver({ quiet, verbose }: { quiet: boolean; verbose: boolean }): Observer {
  const show = isTerminal(process.stderr) ? showBar : showLines
  return {
    note: (text) => {
      if (!quiet) say(text)
    },
    detail: (text) => {
      if (verbose) say(text)
    },
    progress: (stretch) => (quiet ? { update: () => undefined, stop: () => undefined } : show(stretch)),
  }
}

/** "Measuring |████░░░░| 10/40 prompts 5s, 15s left", drawn again in place. */
function showBar(stretch: Stretch): Progress {
  const beganMs = performance.now()
  let done = 0
  let detail = ''
  const line = new StatusLine((columns) =>
    barOf(stretch, { done, detail, elapsedS: (performance.now() - beganMs) / 1000 }, columns),
  )
  return {
    update: (now, told = '') => {
      done = now
      detail = printable(told)
    },
    stop: () => line.end(),
  }
}

export interface Moment {
  done: number
  detail: string
  elapsedS: number
}

/** The text of a bar for a terminal of so many columns. The time that is left is told where the stretch has an end and has come some way. */
export function barOf(
  { label, total, unit, isLimit = false }: Stretch,
  { done, detail, elapsedS }: Moment,
  terminalColumns: number,
): string {
  const share = total > 0 ? Math.min(1, done / total) : 0
  const columns = terminalColumns < 80 ? BAR_COLUMNS.least : BAR_COLUMNS.most
  const full = Math.round(share * columns)
  const bar = '█'.repeat(full) + '░'.repeat(columns - full)
  const leftS = share > 0 && share < 1 && !isLimit ? (elapsedS / share) * (1 - share) : null
  const left = leftS === null ? '' : `, ${durationText(leftS)} left`
  return `${label} |${bar}| ${done}/${total} ${unit} ${durationText(elapsedS)}${left} ${detail}`.trimEnd()
}

/** "Warmup: up to 50 prompts", and where it takes long how far it is. */
function showLines({ label, total, unit, isLimit = false }: Stretch): Progress {
  const units = unit !== 's' && unit !== 'MB' && total !== 1 ? `${unit}s` : unit
  say(`${label}: ${isLimit ? 'up to ' : ''}${total} ${units}`)
  let lastMs = performance.now()
  return {
    update: (done, detail = '') => {
      if (performance.now() - lastMs < LINE_EVERY_MS) return
      lastMs = performance.now()
      say(`${label}: ${done}/${total} ${units}${detail === '' ? '' : `, ${detail}`}`)
    },
    stop: () => undefined,
  }
}
