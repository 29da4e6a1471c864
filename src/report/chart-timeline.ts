// A run over time as a still drawing, which prints and needs no script, and the data from which the page's script draws the
// one that can be zoomed.

import { scaleLinear } from 'd3-scale'
import { area, curveStepAfter, line } from 'd3-shape'
import { share, tickText } from './chart-bars.js'
import { decimated, type Line, merged, type Stretch } from './decimate.js'
import { html, json, type Markup, raw } from './markup.js'
import { digits, duration } from './numbers.js'
import type { Run } from './runs.js'
import type { Series } from './series.js'

/** Points of a still drawing: more than there are pixels are not seen. Many runs are folded, and few of them looked at. */
const STILL_POINTS = { few: 900, many: 300 }
const FEW_RUNS = 20
/** Points of all lines that can be zoomed: what a browser reads within a second. */
const ALL_POINTS = 400_000
const MOST_POINTS = 5000
const LEAST_POINTS = 300

interface Panel {
  id: 'power' | 'flight' | 'prefill' | 'temperature'
  title: string
  unit: string
  height: number
  line: Line
  isStepped: boolean
  /** Whether its axis begins at 0. */
  fromZero: boolean
}

function panelsOf({ power, inFlight, inPrefill, temperature }: Series): Panel[] {
  const of = (
    id: Panel['id'],
    title: string,
    unit: string,
    height: number,
    fromZero: boolean,
    own: Line | null,
  ) =>
    own === null
      ? []
      : [{ id, title, unit, height, line: own, isStepped: id === 'flight' || id === 'prefill', fromZero }]
  return [
    ...of('power', 'Power', 'W', 132, true, power),
    ...of('flight', 'Requests in flight', '', 48, true, inFlight),
    ...of('prefill', 'Of these, reading their prompt (prefill)', '', 48, true, inPrefill),
    ...of('temperature', 'Temperature', '°C', 48, false, temperature),
  ]
}

/** A run's timeline. `id` is unique in the page; `runs` is how many there are to share what a browser can hold. */
export function timeline(run: Run, id: string, runs: number): Markup {
  const { series, seriesReason } = run
  if (series === null) return html`<p class="none">No timeline: ${seriesReason}.</p>`
  const panels = panelsOf(series)
  const spans = spansOf(run, series)
  const most = runs > FEW_RUNS ? STILL_POINTS.many : STILL_POINTS.few
  return html`<figure class="timeline" id="${id}" data-from="${series.startS}" data-to="${series.endS}">
<figcaption>${captionOf(series, run.boards.length)}${keysOf(spans)}</figcaption>
<div class="still" role="img" aria-label="${describe(run, series)}">${panels.map((panel, at) => still(panel, series, spans, { isLast: at === panels.length - 1, most }))}</div>
<div class="live" hidden></div><output class="readout" aria-live="polite"></output>
<script type="application/json">${json({ panels: panels.map((panel) => compact(panel, runs)), spans })}</script>
</figure>`
}

interface Span extends Stretch {
  kind: 'steady' | 'capped' | 'slowed' | 'gap'
}

/** No span vanishes by merging: those that no screen tells apart become one. */
function spansOf({ steady }: Run, { slowed, capped, gaps, startS, endS }: Series): Span[] {
  const nearest = (endS - startS) / 2000
  const of = (kind: Span['kind'], stretches: readonly Stretch[]): Span[] =>
    merged(stretches, nearest).map(({ from, to }) => ({ kind, from: rounded(from), to: rounded(to) }))
  return [
    ...of('steady', steady === null ? [] : [steady]),
    ...of('capped', capped),
    ...of('slowed', slowed),
    ...of('gap', gaps),
  ]
}

const SPAN_NAMES: Readonly<Record<Span['kind'], string>> = {
  steady: 'steady state',
  capped: 'held at the power limit',
  slowed: 'slowed down by heat or the power brake',
  gap: 'no readings',
}

function keysOf(spans: readonly Span[]): Markup[] {
  const kinds = [...new Set(spans.map(({ kind }) => kind))]
  return kinds.map(
    (kind) =>
      html` <span class="key"><i class="${kind}"></i>${SPAN_NAMES[kind]} ${duration(total(spans.filter((each) => each.kind === kind)))}</span>`,
  )
}

function total(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { from, to }) => sum + to - from, 0)
}

function captionOf({ source }: Series, boards: number): string {
  const what = source === 'readings' ? 'Every reading of the power' : 'Means over each second'
  const whose = boards > 1 ? `, ${boards} GPUs together, temperature of the hottest` : ''
  return `${what}${whose}; the measured window begins at 0 s. `
}

/** The same in words, for whoever does not see it. */
function describe(run: Run, series: Series): string {
  const extremes = panelsOf(series).map(({ title, unit, line: { v } }) => {
    const known = v.filter((value) => value !== null)
    if (known.length === 0) return `${title} unknown`
    const [low, high] = known.reduce(
      ([least, most], each) => [Math.min(least, each), Math.max(most, each)],
      [known[0] as number, known[0] as number],
    )
    return `${title} from ${digits(low, 3)} to ${digits(high, 3)} ${unit}`.trim()
  })
  const spans = spansOf(run, series)
  const stretches = [...new Set(spans.map(({ kind }) => kind))].map((kind) => {
    const own = spans.filter((each) => each.kind === kind)
    return `${SPAN_NAMES[kind]}: ${duration(total(own))} in ${own.length}`
  })
  return [`${duration(series.endS - series.startS)}`, ...extremes, ...stretches].join('; ')
}

/** How wide a drawing is within its own coordinates; it is stretched to its place. */
const WIDE = 1000

function still(
  { id, title, unit, height, line: own, isStepped, fromZero }: Panel,
  { startS, endS }: Series,
  spans: readonly Span[],
  { isLast, most }: { isLast: boolean; most: number },
): Markup {
  const points = decimated(own, most)
  const known = points.v.filter((value) => value !== null)
  const [low, high] = endsOfAxis(known, fromZero)
  const x = scaleLinear([startS, endS], [0, WIDE])
  const y = scaleLinear([low, high], [height, 0])
  const pairs = points.t.map((t, at): [number, number | null] => [t, points.v[at] ?? null])
  const path = isStepped
    ? area<[number, number | null]>()
        .defined(([, v]) => v !== null)
        .x(([t]) => Math.round(x(t)))
        .y0(height)
        .y1(([, v]) => round1(y(v ?? 0)))
        .curve(curveStepAfter)(pairs)
    : line<[number, number | null]>()
        .defined(([, v]) => v !== null)
        .x(([t]) => Math.round(x(t)))
        .y(([, v]) => round1(y(v ?? 0)))(pairs)
  // Half a request is none.
  const ticks = y.ticks(height > 100 ? 4 : 2).filter((tick) => !isStepped || Number.isInteger(tick))
  const seconds = x.ticks(6)
  return html`<div class="panel ${id}"><span class="of">${title}${unit !== '' && `, ${unit}`}</span><svg width="100%" height="${height + (isLast ? 20 : 0)}" aria-hidden="true">
<svg x="0" y="0" width="100%" height="${height}" viewBox="0 0 ${WIDE} ${height}" preserveAspectRatio="none">${spans.map(
    ({ kind, from, to }) =>
      // A span of a moment is still seen.
      html`<rect class="${kind}" x="${round1(x(from))}" width="${Math.max(1.5, round1(x(to) - x(from)))}" y="0" height="${height}"/>`,
  )}<path d="${raw(path ?? '')}"/></svg>${ticks.map(
    (tick) =>
      html`<line class="grid" x1="0" x2="100%" y1="${round1(y(tick))}" y2="${round1(y(tick))}"/><text x="-8" y="${round1(y(tick)) + 4}" text-anchor="end">${tickText(tick, ticks)}</text>`,
  )}${isLast && seconds.map((tick) => html`<text x="${share(x(tick) / (WIDE / 100))}" y="${height + 16}" text-anchor="middle">${secondsText(tick, endS)}</text>`)}</svg></div>`
}

/** "40 s", "12 min": of an axis. */
function secondsText(s: number, endS: number): string {
  if (endS <= 600) return `${Number(s.toFixed(3))} s`
  return endS <= 36_000 ? `${Number((s / 60).toFixed(1))} min` : `${Number((s / 3600).toFixed(2))} h`
}

function endsOfAxis(values: readonly number[], fromZero: boolean): [number, number] {
  if (values.length === 0) return [0, 1]
  const [least, most] = values.reduce(
    ([a, b], each) => [Math.min(a, each), Math.max(b, each)],
    [values[0] as number, values[0] as number],
  )
  if (fromZero) return [Math.min(0, least), most * 1.08 || 1]
  const pad = Math.max((most - least) * 0.15, 1)
  return [least - pad, most + pad]
}

/** For the page's script: evenly spaced times as their beginning and step, others as differences in `unit` seconds. */
function compact({ id, title, unit, height, line: own, isStepped, fromZero }: Panel, runs: number) {
  const budget = Math.min(Math.max(Math.floor(ALL_POINTS / runs), LEAST_POINTS), MOST_POINTS)
  const { t, v } = decimated(own, isStepped ? budget / 4 : budget)
  const ends = endsOfAxis(
    v.filter((value) => value !== null),
    fromZero,
  )
  const from = t[0] ?? 0
  const resolution = Math.max(0.001, ((t.at(-1) ?? 0) - from) / 100_000)
  const step = t.length > 1 ? (t[1] as number) - from : 0
  const isEven = t.every((each, at) => Math.abs(each - from - at * step) < 1e-6)
  let before = 0
  const differences = isEven
    ? null
    : t.map((each) => {
        const at = Math.round((each - from) / resolution)
        const difference = at - before
        before = at
        return difference
      })
  return {
    ...{ id, title, unit, height, stepped: isStepped, low: ends[0], high: ends[1] },
    ...(differences === null ? { from, step } : { from, resolution, differences }),
    v: v.map((value) => (value === null ? null : shortened(value))),
  }
}

/** No sensor tells more: tenths below 100, else whole ones. */
function shortened(value: number): number {
  return Math.abs(value) < 100 && !Number.isInteger(value) ? round1(value) : Math.round(value)
}

function round1(value: number): number {
  return Number(value.toFixed(1))
}

function rounded(seconds: number): number {
  return Number(seconds.toFixed(3))
}
