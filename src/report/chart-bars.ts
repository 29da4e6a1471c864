// Bars of HTML and SVG whose text never scales: positions are shares of the width, so that a phone and a printer have the
// same numbers in the same size.

import { scaleLinear } from 'd3-scale'
import { type Configuration, type Estimate, endsOf, valueText } from './configurations.js'
import { breakable, html, type Markup } from './markup.js'
import { digits, range } from './numbers.js'

/** So far, as a multiple of its value, an interval makes room for itself on an axis. */
export const MOST_OF_VALUE = 1.6

/** A bar for each configuration, and beside it how far it may be off. */
export function energyBars(configurations: readonly Configuration[]): Markup {
  const shown = configurations.filter(({ quoted }) => quoted !== null)
  // An interval of two runs may be ten times as wide as the bar is long: it is cut at the end of the axis.
  const most = Math.max(...shown.map(({ quoted }) => furthest(quoted as Estimate)), 0)
  const scale = scaleLinear([0, most * 1.02 || 1], [0, 100])
  const x = (value: number) => share(Math.min(Math.max(scale(value), 0), 100))
  const ticks = scale.ticks(5)
  return html`<ol class="bars">
${shown.map((each) => bar(each, each.quoted as Estimate, x))}
<li class="axis" aria-hidden="true"><svg width="100%" height="18">${ticks.map(
    (tick, at) =>
      html`<text x="${x(tick)}" y="13" text-anchor="${at === 0 ? 'start' : 'middle'}">${tickText(tick, ticks)}</text>`,
  )}</svg></li>
</ol>`
}

function furthest({ value, high }: Estimate): number {
  return Math.min(high ?? value, MOST_OF_VALUE * value)
}

function bar(
  { number, label, simulated, throttledRuns, kind }: Configuration,
  quoted: Estimate,
  x: (value: number) => string,
): Markup {
  const ends = endsOf(quoted)
  const over =
    quoted.low === null || quoted.high === null
      ? 'one run'
      : `${range(quoted.low, quoted.high)}, n = ${quoted.n}`
  return html`<li><a class="name" href="#c${number}"><b>${number}</b> ${breakable(label)}</a>
<svg class="${kind === 'exec' && 'command'} ${simulated && 'simulated'}" width="100%" height="22" aria-hidden="true"><rect x="0" y="3" width="${x(quoted.value)}" height="16" rx="1"/>${
    ends &&
    html`<g class="whisker"><line x1="${x(ends[0])}" x2="${x(ends[1])}" y1="11" y2="11"/><line x1="${x(ends[0])}" x2="${x(ends[0])}" y1="6" y2="16"/><line x1="${x(ends[1])}" x2="${x(ends[1])}" y1="6" y2="16"/></g>`
  }</svg>
<span class="value"><strong>${valueText(quoted)}</strong> <small>${over}${throttledRuns > 0 && ', throttled'}</small></span></li>`
}

/** A part of a whole, for a bar of parts that stand one after another. */
export interface Piece {
  name: string
  /** Of the same unit as the others; what is below 0 is written and not drawn. */
  value: number
  /** Of its colour. */
  tone: string
}

/** One bar made of parts; `most` is what the whole width stands for. */
export function stackedBar(pieces: readonly Piece[], most: number): Markup {
  let from = 0
  const drawn = pieces
    .filter(({ value }) => value > 0)
    .map(({ value, tone }) => {
      const [x, width] = [from, (100 * value) / most]
      from += width
      return html`<rect class="${tone}" x="${share(x)}" y="2" width="${share(width)}" height="14"/>`
    })
  return html`<svg class="stack" width="100%" height="18" aria-hidden="true">${drawn}</svg>`
}

/** "62.5%" */
export function share(percent: number): string {
  return `${Number(percent.toFixed(3))}%`
}

/** All ticks with the decimals of the finest. */
export function tickText(tick: number, ticks: readonly number[]): string {
  const step = ticks.length > 1 ? (ticks[1] as number) - (ticks[0] as number) : tick
  const decimals = Math.min(Math.max(-Math.floor(Math.log10(Math.abs(step) || 1) + 1e-9), 0), 9)
  return Math.abs(tick) >= 1e6 ? `${digits(tick / 1e6, 3)} M` : tick.toFixed(decimals)
}
