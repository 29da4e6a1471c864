import { screenWidth, setLineBelow } from './screen.js'

/** Often enough for a clock that moves, seldom enough to wake nobody who measures. */
const REDRAWN_EVERY_MS = 250
/** Some terminals wrap as soon as the last column is written, and a Ctrl-C stands behind the line as ^C. */
const SPARE_COLUMNS = 3
const HIDE_CURSOR = '\u001B[?25l'
const SHOW_CURSOR = '\u001B[?25h'
const CLEAR_LINE = '\r\u001B[K'

/**
 * One line at the bottom of a terminal's stderr, drawn again in place. What is said meanwhile stands above it. `draw` answers
 * the line for a terminal of so many columns; it is cut to them, so that it never wraps.
 */
export class StatusLine {
  readonly #draw: (columns: number) => string
  readonly #timer: NodeJS.Timeout

  constructor(draw: (columns: number) => string) {
    this.#draw = draw
    process.stderr.write(HIDE_CURSOR)
    // However the process ends, the terminal gets its cursor back.
    process.once('exit', showCursor)
    this.redraw()
    this.#timer = setInterval(() => this.redraw(), REDRAWN_EVERY_MS)
    // An end that is not told must not be kept waiting by a clock.
    this.#timer.unref()
    setLineBelow({ hide: clear, show: () => this.redraw() })
  }

  redraw(): void {
    const columns = screenWidth(process.stderr)
    process.stderr.write(`${CLEAR_LINE}${cut(this.#draw(columns), columns - SPARE_COLUMNS)}`)
  }

  end(): void {
    clearInterval(this.#timer)
    setLineBelow(null)
    this.redraw()
    clear()
    process.off('exit', showCursor)
    showCursor()
  }
}

function clear(): void {
  process.stderr.write(CLEAR_LINE)
}

function showCursor(): void {
  process.stderr.write(SHOW_CURSOR)
}

/** To this many columns, as far as every character takes one. */
function cut(text: string, columns: number): string {
  const characters = [...text]
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`
}
