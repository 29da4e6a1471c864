import { appendFileSync, renameSync, statSync } from 'node:fs'
import { mask } from '../core/secrets.js'
import type { Observer } from '../progress/observer.js'

const LIMIT_BYTES = 10 * 1024 * 1024
/** Between two lines about the same run. */
const LINE_EVERY_MS = 30_000

/**
 * A log that does not grow without end: at 10 MB it becomes `PATH.1`, in place of the one before. Each line is on the
 * disk when it is written, and a disk that takes none costs the log alone.
 */
export class DaemonLog {
  readonly #path: string
  readonly #limitBytes: number
  #bytes: number

  constructor(path: string, { limitBytes = LIMIT_BYTES }: { limitBytes?: number } = {}) {
    this.#path = path
    this.#limitBytes = limitBytes
    this.#bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  }

  write(text: string): void {
    const line = `${new Date().toISOString()} ${mask(text)}\n`
    const bytes = Buffer.byteLength(line)
    try {
      if (this.#bytes > 0 && this.#bytes + bytes > this.#limitBytes) {
        renameSync(this.#path, `${this.#path}.1`)
        this.#bytes = 0
      }
      appendFileSync(this.#path, line)
      this.#bytes += bytes
    } catch {
      // There is nowhere else to say so: what a terminal shows has its own way.
    }
  }
}

/** Writes down what a campaign says: each run when it begins and ends, and how far it is twice a minute. */
export function loggingObserver(log: DaemonLog): Observer {
  return {
    note: (text) => log.write(text),
    detail: (text) => log.write(text),
    progress({ label, total, unit }) {
      let lastDone = -1
      let lastMs = Number.NEGATIVE_INFINITY
      return {
        update(done, detail = '') {
          const isNews = unit === 'run' && done !== lastDone
          if (!isNews && performance.now() - lastMs < LINE_EVERY_MS) return
          lastDone = done
          lastMs = performance.now()
          log.write(`${label}: ${done}/${total}${detail === '' ? '' : `, ${detail}`}`)
        },
        stop: () => undefined,
      }
    },
  }
}

/** Tells both. */
export function bothObservers(one: Observer, other: Observer): Observer {
  return {
    note: (text) => {
      one.note(text)
      other.note(text)
    },
    detail: (text) => {
      one.detail(text)
      other.detail(text)
    },
    progress: (stretch) => {
      const [first, second] = [one.progress(stretch), other.progress(stretch)]
      return {
        update: (done, detail) => {
          first.update(done, detail)
          second.update(done, detail)
        },
        stop: () => {
          first.stop()
          second.stop()
        },
      }
    },
  }
}
