// What the joules of a configuration are made of: by level (bare, parked, active) and by phase (prefill, decode).

import { type Piece, stackedBar } from './chart-bars.js'
import type { Configuration } from './configurations.js'
import { breakable, html, type Markup } from './markup.js'
import { digits } from './numbers.js'
import type { Run } from './runs.js'

interface PartKind {
  name: string
  tone: string
  of(run: Run): number | null | undefined
}

const LEVELS: readonly PartKind[] = [
  { name: 'bare', tone: 'bare', of: ({ levels }) => levels?.bare_j },
  { name: 'parked', tone: 'parked', of: ({ levels }) => levels?.parked_j },
  { name: 'active', tone: 'active', of: ({ levels }) => levels?.active_j },
]
/** Where the level while parked is not known. */
const ABOVE_BARE: readonly PartKind[] = [
  { name: 'bare', tone: 'bare', of: ({ levels }) => levels?.bare_j },
  { name: 'above bare', tone: 'active', of: ({ levels }) => levels?.adjusted_j },
]
const PHASES: readonly PartKind[] = [
  { name: 'prefill', tone: 'prefill', of: ({ phases }) => phases && (phases.prefill?.energy_j ?? 0) },
  { name: 'decode', tone: 'decode', of: ({ phases }) => phases && (phases.decode?.energy_j ?? 0) },
  { name: 'both at once', tone: 'mixed', of: ({ phases }) => phases?.mixed_j },
  { name: 'no request', tone: 'bare', of: ({ phases }) => phases?.idle_j },
  { name: 'cannot be told apart', tone: 'unknown', of: ({ phases }) => phases?.unattributable_j },
]

/** The two bars of a configuration, and their parts in words. */
export function splitRow({ number, label, runs }: Configuration): Markup {
  const levels = piecesOf(LEVELS, runs) ?? piecesOf(ABOVE_BARE, runs)
  return html`<li><h3><a href="#c${number}"><b>${number}</b> ${breakable(label)}</a></h3>
${parts(
  'Level',
  levels,
  reasonOf(runs, ({ levels: own }) => own?.parked_reason ?? own?.baseline_reason ?? null),
)}
${parts(
  'Phase',
  piecesOf(PHASES, runs),
  reasonOf(runs, ({ phases, phasesReason }) => phases?.reason ?? phasesReason),
)}</li>`
}

/** The parts in the mean of the runs; null where one of them is not known. */
function piecesOf(kinds: readonly PartKind[], runs: readonly Run[]): Piece[] | null {
  const pieces = kinds.flatMap(({ name, tone, of }): Piece[] => {
    const value = meanOf(runs.map((run) => of(run) ?? null))
    return value === null ? [] : [{ name, tone, value }]
  })
  return pieces.length === kinds.length ? pieces : null
}

function reasonOf(runs: readonly Run[], of: (run: Run) => string | null): string | null {
  return runs.map(of).find((each) => each !== null) ?? null
}

function parts(title: string, pieces: readonly Piece[] | null, reason: string | null): Markup {
  const whole = pieces?.reduce((sum, { value }) => sum + Math.max(0, value), 0) ?? 0
  const head = html`<span class="of">${title}</span>`
  if (pieces === null || !(whole > 0))
    return html`<div class="split">${head}<p class="none">unknown${reason !== null && `: ${reason}`}</p></div>`
  const total = pieces.reduce((sum, { value }) => sum + value, 0)
  const told = pieces
    .filter(({ value }) => value !== 0)
    .map(
      ({ name, value, tone }) =>
        html`<span class="key"><i class="${tone}"></i>${name} <b>${digits(value, 3)} J</b> ${total > 0 && shareText(value / total)}</span> `,
    )
  return html`<div class="split">${head}${stackedBar(pieces, whole)}<p>${told}${reason !== null && html`<small class="why">${reason}</small>`}</p></div>`
}

/** "28 %", "0.5 %", "< 0.1 %" */
function shareText(part: number): string {
  const percent = 100 * part
  if (percent > 0 && percent < 0.1) return '< 0.1 %'
  return `${percent.toFixed(Math.abs(percent) < 10 ? 1 : 0)} %`
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : known.reduce((sum, each) => sum + each, 0) / known.length
}
