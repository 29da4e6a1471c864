// Energy against something that it is traded for: points with what is known of each, and the front of those that no other
// is better than in both.

import { scaleLinear, scaleLog } from 'd3-scale'
import { MOST_OF_VALUE, share, tickText } from './chart-bars.js'
import { type Configuration, type Estimate, endsOf, valueText } from './configurations.js'
import { html, type Markup } from './markup.js'
import type { PlaneKind } from './planes.js'
import type { ReferencePoint } from './reference-points.js'
import type { Report } from './report.js'

interface Point {
  configuration: Configuration
  x: Estimate
  y: Estimate
}

const HEIGHT = 280
/** Beyond this ratio of largest to smallest a linear axis hides the small ones. */
const LOG_FROM = 30

/** The plane as a figure; null where fewer than two points have both. */
export function plane(
  kind: PlaneKind,
  configurations: readonly Configuration[],
  { references, objectives }: Pick<Report, 'references' | 'objectives'>,
): Markup | null {
  const points = configurations.flatMap((configuration): Point[] => {
    const [x, y] = [kind.of(configuration), configuration.quoted]
    return x === null || y === null || !(x.value > 0) || !(y.value > 0) ? [] : [{ configuration, x, y }]
  })
  const others = references.flatMap((point) => {
    const x = kind.ofReference(point)
    return x === null ? [] : [{ point, x, y: point.energyPerOutputTokenJ }]
  })
  if (points.length + others.length < 2 || points.length === 0) return null
  const limits = objectives.filter(({ metric }) => metric === kind.metric).map(({ limit }) => limit)
  const x = axis([...points.map((each) => each.x), ...others.map((each) => each.x), ...limits], [0, 100])
  const y = axis([...points.map((each) => each.y), ...others.map((each) => each.y)], [HEIGHT, 0])
  const front = frontOf(points, kind.better)
  const at = (value: number) => share(Math.min(Math.max(x.scale(value), 0), 100))
  const up = (value: number) => Number(Math.min(Math.max(y.scale(value), 0), HEIGHT).toFixed(1))
  return html`<figure class="plane" aria-labelledby="plane-${kind.id}">
<figcaption id="plane-${kind.id}"><h3>${kind.title}</h3><p>${[frontText(front, points.length), ...limits.map((limit) => limitText(limit, kind, points))].join(' ')}</p></figcaption>
<p class="axis-y">J/output token (less is better)</p>
<div class="frame"><svg width="100%" height="${HEIGHT + 24}" role="group" aria-labelledby="plane-${kind.id}">
<g aria-hidden="true">${y.ticks.map(
    (tick) =>
      html`<line class="grid" x1="0" x2="100%" y1="${up(tick)}" y2="${up(tick)}"/><text x="-8" y="${up(tick) + 4}" text-anchor="end">${tickText(tick, y.ticks)}</text>`,
  )}${x.ticks.map(
    (tick) =>
      html`<line class="tick" x1="${at(tick)}" x2="${at(tick)}" y1="${HEIGHT}" y2="${HEIGHT + 4}"/><text x="${at(tick)}" y="${HEIGHT + 18}" text-anchor="middle">${tickText(tick, x.ticks)}</text>`,
  )}<line class="base" x1="0" x2="100%" y1="${HEIGHT}" y2="${HEIGHT}"/>${limits.map((limit) => html`<line class="limit" x1="${at(limit)}" x2="${at(limit)}" y1="0" y2="${HEIGHT}"/>`)}${frontLines(front, kind.better, at, up)}</g>
${others.map(({ point, x: across, y: joules }) => reference(point, `${joules} J/output token, ${across} ${kind.unit}`, at(across), up(joules)))}
${points.map((point) => mark(point, kind, front.includes(point), at, up))}
</svg></div>
<p class="axis-x">${kind.axis}</p>
</figure>`
}

function axis(values: readonly (Estimate | number)[], to: [number, number]) {
  const ends = values.flatMap((value) => (typeof value === 'number' ? [value] : roomOf(value)))
  const centres = values.map((value) => (typeof value === 'number' ? value : value.value))
  const isLog = Math.max(...centres) / Math.min(...centres) > LOG_FROM
  const [low, high] = [Math.min(...ends.filter((end) => !isLog || end > 0)), Math.max(...ends)]
  if (isLog) {
    const scale = scaleLog([low / 1.3, high * 1.3], to)
    const all = scale.ticks(4)
    const tens = all.filter((tick) => Math.abs(Math.log10(tick) - Math.round(Math.log10(tick))) < 1e-9)
    return { scale: (value: number) => scale(value), ticks: tens.length > 1 ? tens : all }
  }
  const pad = (high - low) * 0.1 || Math.abs(high) * 0.1 || 1
  // Close to 0 the axis begins there: a reader takes the bottom for it anyway.
  const from = low - pad < high * 0.25 ? 0 : low - pad
  const scale = scaleLinear([from, high + pad], to)
  return { scale: (value: number) => scale(value), ticks: scale.ticks(5) }
}

/** What is drawn of a value and its interval: a wide one is cut at the edge of the plane. */
function roomOf(estimate: Estimate): number[] {
  const { value } = estimate
  const [low, high] = endsOf(estimate) ?? [value, value]
  return [Math.max(low, value / MOST_OF_VALUE), value, Math.min(high, value * MOST_OF_VALUE)]
}

/** Those that no other is at least as good as in both, from the left to the right. */
function frontOf(points: readonly Point[], better: PlaneKind['better']): Point[] {
  const gain = ({ x }: Point) => (better === 'more' ? x.value : -x.value)
  const isBeaten = (point: Point) =>
    points.some(
      (other) =>
        other !== point &&
        other.y.value <= point.y.value &&
        gain(other) >= gain(point) &&
        (other.y.value < point.y.value || gain(other) > gain(point)),
    )
  return points.filter((point) => !isBeaten(point)).sort((a, b) => a.x.value - b.x.value)
}

function frontText(front: readonly Point[], of: number): string {
  const numbers = front.map(({ configuration }) => configuration.number).sort((a, b) => a - b)
  if (front.length === of && of > 1) return 'Each trades one for the other: none is beaten in both.'
  return front.length === 1
    ? `${numbers[0]} has the best value in both.`
    : `On the front, beaten by none in both: ${numbers.join(', ')}.`
}

/** Which are shown to keep a limit: with all that is known of them on its right side. */
function limitText(limit: number, { better, unit }: PlaneKind, points: readonly Point[]): string {
  // One run shows nothing of how runs differ.
  const keeping = points.filter(({ x: { low, high } }) =>
    better === 'less' ? high !== null && high <= limit : low !== null && low >= limit,
  )
  const numbers = keeping.map(({ configuration }) => configuration.number).sort((a, b) => a - b)
  const asked = `${better === 'less' ? 'at most' : 'at least'} ${limit} ${unit} (the dotted line)`
  return numbers.length === 0
    ? `None is shown to keep ${asked}.`
    : `Shown to keep ${asked}: ${numbers.join(', ')}.`
}

/** Steps between those of the front: what lies on their outer side none of them reaches. */
function frontLines(
  front: readonly Point[],
  better: PlaneKind['better'],
  at: (value: number) => string,
  up: (value: number) => number,
): Markup[] {
  return front.slice(1).map((to, place) => {
    const from = front[place] as Point
    const [x1, y1, x2, y2] = [at(from.x.value), up(from.y.value), at(to.x.value), up(to.y.value)]
    const [corner, level] = better === 'more' ? [x1, y2] : [x2, y1]
    return html`<line class="front" x1="${corner}" x2="${corner}" y1="${y1}" y2="${y2}"/><line class="front" x1="${x1}" x2="${x2}" y1="${level}" y2="${level}"/>`
  })
}

function mark(
  { configuration, x, y }: Point,
  kind: PlaneKind,
  isFront: boolean,
  at: (value: number) => string,
  up: (value: number) => number,
): Markup {
  const [acrossX, acrossY] = [endsOf(x), endsOf(y)]
  const { number, label, simulated } = configuration
  const told = `${number} ${label}: ${valueText(y)} J/output token, ${valueText(x)} ${kind.unit}, ${y.n === 1 ? 'one run' : `${y.n} runs`}${simulated ? ', simulated' : ''}`
  return html`<a href="#c${number}" class="point ${isFront && 'best'}" aria-label="${told}" data-tip="${told}"><circle class="hit" cx="${at(x.value)}" cy="${up(y.value)}" r="12"/>${
    acrossX &&
    html`<line x1="${at(acrossX[0])}" x2="${at(acrossX[1])}" y1="${up(y.value)}" y2="${up(y.value)}"/>`
  }${acrossY && html`<line x1="${at(x.value)}" x2="${at(x.value)}" y1="${up(acrossY[0])}" y2="${up(acrossY[1])}"/>`}<circle class="dot" cx="${at(x.value)}" cy="${up(y.value)}" r="5"/><svg x="${at(x.value)}" y="${up(y.value)}" overflow="visible"><text x="9" y="-7">${number}</text></svg></a>`
}

function reference({ name, source }: ReferencePoint, numbers: string, x: string, y: number): Markup {
  const told = `${name}: ${numbers}; other method${source === null ? '' : `, ${source}`}`
  // A nested drawing puts a diamond of fixed size at a share of the width.
  return html`<a href="#others" class="point other" aria-label="${told}" data-tip="${told}"><circle class="hit" cx="${x}" cy="${y}" r="12"/><svg x="${x}" y="${y}" overflow="visible"><path d="M0-6 6 0 0 6-6 0Z"/></svg></a>`
}
