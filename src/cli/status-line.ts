import { createLogUpdate } from 'log-update'
import { setLineBelow } from './screen.js'

/** Often enough for a clock that moves, seldom enough to wake nobody who measures. */
const REDRAWN_EVERY_MS = 250

/**
 * One line at the bottom of a terminal's stderr, drawn again in place. What is said meanwhile stands above it. `draw` answers
 * the line; it is cut to the width of the terminal, so that it never wraps.
 */
export class StatusLine {
  readonly #draw: () => string
  readonly #log = createLogUpdate(process.stderr)
  readonly #timer: NodeJS.Timeout

  constructor(draw: () => string) {
    this.#draw = draw
    this.redraw()
    this.#timer = setInterval(() => this.redraw(), REDRAWN_EVERY_MS)
    // An end that is not told must not be kept waiting by a clock.
    this.#timer.unref()
    setLineBelow({ hide: () => this.#log.clear(), show: () => this.redraw() })
  }

  redraw(): void {
    // The last column stays free: some terminals wrap as soon as it is written.
    this.#log(cut(this.#draw(), (process.stderr.columns ?? 80) - 1))
  }

  end(): void {
    clearInterval(this.#timer)
    setLineBelow(null)
    this.redraw()
    this.#log.clear()
    this.#log.done()
  }
}

/** To this many columns, as far as every character takes one. */
function cut(text: string, columns: number): string {
  const characters = [...text]
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`
}
