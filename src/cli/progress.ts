import { Presets, SingleBar } from 'cli-progress'
import type { Observer, Progress } from '../experiment/observer.js'

/** Shows an experiment on stderr: a bar on a terminal, a line per step elsewhere, nothing when quiet. */
export function terminalObserver({ quiet, verbose }: { quiet: boolean; verbose: boolean }): Observer {
  const terminal = process.stderr.isTTY === true
  let bar: SingleBar | null = null
  const say = (text: string) => {
    // The bar draws itself anew below the line.
    if (bar !== null) process.stderr.write('\r\u001B[K')
    process.stderr.write(`${text}\n`)
  }
  return {
    note: (text) => {
      if (!quiet) say(text)
    },
    detail: (text) => {
      if (verbose) say(text)
    },
    progress(label, total, unit): Progress {
      if (quiet) return { update: () => undefined, stop: () => undefined }
      if (!terminal) {
        say(`${label}: ${total} ${unit}`)
        return { update: () => undefined, stop: () => undefined }
      }
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
        update: (done, detail = '') => current.update(done, { detail }),
        stop: () => {
          current.stop()
          bar = null
        },
      }
    },
  }
}
