import { Presets, SingleBar } from 'cli-progress'
import { printable, printableLines } from '../core/printable.js'
import type { Observer, Progress, Stretch } from '../experiment/observer.js'
import { isTerminal } from './screen.js'

/** Between two lines about the same stretch, where there is no bar. */
const LINE_EVERY_MS = 30_000

/** Shows an experiment on stderr: a bar on a terminal, plain lines elsewhere, nothing when quiet. */
export function terminalObserver({ quiet, verbose }: { quiet: boolean; verbose: boolean }): Observer {
  const terminal = isTerminal(process.stderr)
  let bar: SingleBar | null = null
  const say = (text: string) => {
    // The bar draws itself anew below the line.
    if (bar !== null) process.stderr.write('\r\u001B[K')
    process.stderr.write(`${printableLines(text)}\n`)
  }
  const showBar = ({ label, total, unit }: Stretch): Progress => {
    const current = new SingleBar(
      {
        format: `${label} |{bar}| {value}/{total} ${unit} {duration_formatted} {detail}`,
        stream: process.stderr,
        clearOnComplete: true,
        hideCursor: true,
        // Wide enough to see, narrow enough for the numbers beside it.
        barsize: 24,
      },
      Presets.shades_classic,
    )
    current.start(total, 0, { detail: '' })
    bar = current
    return {
      update: (done, detail = '') => current.update(done, { detail: printable(detail) }),
      stop: () => {
        current.stop()
        bar = null
      },
    }
  }
  return {
    note: (text) => {
      if (!quiet) say(text)
    },
    detail: (text) => {
      if (verbose) say(text)
    },
    progress(stretch) {
      if (quiet) return { update: () => undefined, stop: () => undefined }
      return terminal ? showBar(stretch) : showLines(stretch, say)
    },
  }
}

/** "Warmup: up to 50 prompts", and where it takes long how far it is. */
function showLines({ label, total, unit, isLimit = false }: Stretch, say: (text: string) => void): Progress {
  const units = unit !== 's' && total !== 1 ? `${unit}s` : unit
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
