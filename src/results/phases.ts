// Prefill and decode: what is known of each, where the sensor is fast enough to tell them apart.

import type { Phases } from './attribution.js'
import { between, cumulative, type PieceEnergy, type Pieces } from './request-pieces.js'
import type { RequestTimes } from './request-times.js'

/** What the readings can tell apart, of the GPU that can tell least; null is unknown. */
export interface Resolution {
  /** Time between two values of the power sensor, nanoseconds. */
  updatePeriodNs: number | null
  /** The span that a value is the mean of, nanoseconds. */
  windowNs: number
  /** The highest power of all GPUs together. */
  maxPowerW: number | null
  /** How far the energy of the whole window may be off, as a share of it. */
  relativeUncertainty: number | null
}

/** A phase must last so many update periods, or spans that a reading is the mean of where those are longer. */
const MIN_PERIODS = 3
/** A stretch shorter than this share of a period is looked across: what lies behind it is what the sensor shows. */
const NEGLIGIBLE_PERIODS = 0.1

/** How long something must last so that the readings can tell it apart, nanoseconds; null where that is not known. */
export function leastNsOf({ updatePeriodNs, windowNs }: Resolution): number | null {
  return updatePeriodNs === null ? null : MIN_PERIODS * Math.max(updatePeriodNs, windowNs)
}

const PREFILL = 1
const DECODE = 2
const MIXED = 3
const IDLE = 0
const UNKNOWN = 4

/** The joules by phase. `whyUnseen`: why first tokens were not observed, where that is known. */
export function phasesOf(
  times: RequestTimes,
  pieces: Pieces,
  energy: PieceEnergy,
  resolution: Resolution,
  whyUnseen: string | null = null,
): Phases {
  const kinds = kindsOf(pieces, energy)
  const stretches = stretchesOf(kinds, pieces, energy)
  const [prefill, decode] = ([PREFILL, DECODE] as const).map((kind) =>
    phaseOf(kind, { times, pieces, energy, kinds, stretches, resolution, whyUnseen }),
  ) as [Found, Found]
  const sum = (kind: number) =>
    stretches.reduce((all, each) => all + (each.kind === kind ? each.joules : 0), 0)
  const pure = sum(PREFILL) + sum(DECODE)
  const attributed = (prefill.counted?.energy_j ?? 0) + (decode.counted?.energy_j ?? 0)
  const reasons = [
    ...(prefill.counted === null ? [`prefill: ${prefill.reason}`] : []),
    ...(decode.counted === null ? [`decode: ${decode.reason}`] : []),
  ]
  return {
    prefill: prefill.counted && {
      ...prefill.counted,
      input_tokens: Number.isNaN(prefill.tokens) ? null : prefill.tokens,
      j_per_input_token: ratio(prefill.counted.energy_j, prefill.tokens),
    },
    decode: decode.counted && {
      ...decode.counted,
      output_tokens: decode.tokens,
      j_per_output_token: ratio(decode.counted.energy_j, decode.tokens),
    },
    mixed_j: sum(MIXED),
    idle_j: sum(IDLE),
    // A sum of differences may come out a hair below zero where everything is attributed.
    unattributable_j: Math.max(0, pure - attributed) + sum(UNKNOWN),
    reason: reasons.length === 0 ? null : `unattributable: ${reasons.join('; ')}`,
  }
}

interface Matter {
  times: RequestTimes
  pieces: Pieces
  energy: PieceEnergy
  kinds: Uint8Array
  stretches: readonly Stretch[]
  resolution: Resolution
  whyUnseen: string | null
}

interface Found {
  counted: {
    energy_j: number
    uncertainty_j: number | null
    duration_s: number
    requests: number
    left_out: number
  } | null
  tokens: number
  reason: string
}

/** The requests whose phase of this kind can be told apart from everything else, or why there are none. */
function phaseOf(kind: typeof PREFILL | typeof DECODE, matter: Matter): Found {
  const { times, pieces, energy, kinds, resolution, whyUnseen } = matter
  const leastNs = leastNsOf(resolution)
  // What no sensor could mend is told first.
  if (whyUnseen !== null && times.firstTokenNs.every(Number.isNaN))
    return { counted: null, tokens: 0, reason: whyUnseen }
  if (leastNs === null)
    return { counted: null, tokens: 0, reason: 'how often the power sensor publishes was not seen' }
  const { boundariesNs, inFlight } = pieces
  const share = cumulative(energy.joules, (joules, at) =>
    kinds[at] === kind ? joules / (inFlight[at] as number) : 0,
  )
  const shareNs = cumulative(
    energy.joules,
    (_, at) => lengthOf(boundariesNs, at) / Math.max(inFlight[at] as number, 1),
  )
  const others = cumulative(energy.joules, (_, at) => (kinds[at] === kind ? 0 : 1))
  const unknown = cumulative(energy.joules, (_, at) => (kinds[at] === UNKNOWN ? 1 : 0))
  const isCounted = new Uint8Array(kinds.length + 1)
  const left = { unseen: 0, short: 0, missing: 0, mixed: 0 }
  let [requests, tokens, joules, ns] = [0, 0, 0, 0]
  for (let at = 0; at < times.count; at++) {
    const outputs = times.outputTokens[at] as number
    // Nothing is decoded beyond the first token.
    if (times.failed[at] === 1 || (kind === DECODE && outputs < 2)) continue
    const first = pieces.firstToken[at] as number
    const [from, to] =
      kind === PREFILL ? [pieces.start[at] as number, first] : [first, pieces.end[at] as number]
    if (first < 0) left.unseen += 1
    else if ((boundariesNs[to] as number) - (boundariesNs[from] as number) < leastNs) left.short += 1
    else if (between(unknown, from, to) > 0) left.missing += 1
    else if (between(others, from, to) > 0) left.mixed += 1
    else {
      requests += 1
      tokens += kind === PREFILL ? (times.inputTokens[at] as number) : outputs - 1
      joules += between(share, from, to)
      ns += between(shareNs, from, to)
      isCounted[from] = 1
    }
  }
  const left_out = left.unseen + left.short + left.missing + left.mixed
  const reason = whyNone(kind, left, leastNs, whyUnseen)
  if (requests === 0) return { counted: null, tokens, reason }
  const uncertainty_j = uncertaintyOf(kind, joules, isCounted, matter)
  return {
    counted: { energy_j: joules, uncertainty_j, duration_s: ns / 1e9, requests, left_out },
    tokens,
    reason,
  }
}

function whyNone(
  kind: number,
  { unseen, short, missing, mixed }: Record<'unseen' | 'short' | 'missing' | 'mixed', number>,
  leastNs: number,
  whyUnseen: string | null,
): string {
  const all = unseen + short + missing + mixed
  if (all === 0) return kind === PREFILL ? 'no request has one' : 'no request has more than one output token'
  const parts = [
    [
      short,
      `shorter than ${MIN_PERIODS} update periods of the power sensor (${Math.round(leastNs / 1e6)} ms)`,
    ],
    [mixed, `beside ${kind === PREFILL ? 'decodes' : 'prefills'} of other requests`],
    [unseen, `of requests whose first token was not observed${whyUnseen === null ? '' : ` (${whyUnseen})`}`],
    [missing, 'where readings are missing'],
  ] as const
  const said = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`)
  return `of ${all}, ${said.join(', ')}`
}

/** Neighbouring pieces in which the same is done. */
interface Stretch {
  kind: number
  /** Its pieces. */
  from: number
  to: number
  ns: number
  joules: number
}

function kindsOf({ inFlight, prefilling, decoding }: Pieces, { missing, joules }: PieceEnergy): Uint8Array {
  return Uint8Array.from(joules, (_, at) => {
    if (missing[at] === 1) return UNKNOWN
    if (inFlight[at] === 0) return IDLE
    if (prefilling[at] === inFlight[at]) return PREFILL
    return decoding[at] === inFlight[at] ? DECODE : MIXED
  })
}

function stretchesOf(kinds: Uint8Array, { boundariesNs }: Pieces, { joules }: PieceEnergy): Stretch[] {
  const stretches: Stretch[] = []
  for (let at = 0; at < kinds.length; at++) {
    const kind = kinds[at] as number
    let last = stretches.at(-1)
    if (last?.kind !== kind) {
      last = { kind, from: at, to: at, ns: 0, joules: 0 }
      stretches.push(last)
    }
    last.to = at + 1
    last.ns += lengthOf(boundariesNs, at)
    last.joules += joules[at] as number
  }
  return stretches
}

/**
 * A bound. A reading is the mean of `W`, and stands for one update period `T`, so that an edge is seen up to T/2 early
 * or late and is spread over W: at most (T + W) / 2 of the step's power is on its wrong side. Such edges do not cancel
 * (what is high loses at either), so they are added and not taken in squares. To it comes the phase's part of what the
 * whole window's energy leaves unknown.
 */
function uncertaintyOf(
  kind: number,
  joules: number,
  isCounted: Uint8Array,
  { stretches, resolution }: Matter,
): number | null {
  const { updatePeriodNs, windowNs, maxPowerW, relativeUncertainty } = resolution
  if (updatePeriodNs === null || maxPowerW === null || relativeUncertainty === null) return null
  const blurS = (updatePeriodNs + windowNs) / 2 / 1e9
  const edgeJ = (own: Stretch, position: number, step: 1 | -1): number => {
    let acrossJ = 0
    let at = position + step
    let beside = stretches[at]
    while (beside !== undefined && beside.ns < NEGLIGIBLE_PERIODS * updatePeriodNs) {
      acrossJ += (beside.ns / 1e9) * maxPowerW
      at += step
      beside = stretches[at]
    }
    // The edge of the window itself is in the window's own uncertainty.
    if (beside === undefined) return acrossJ
    const ownW = powerOf(own)
    const isSeen = beside.kind !== UNKNOWN && beside.ns >= MIN_PERIODS * Math.max(updatePeriodNs, windowNs)
    // What is too short to be seen may have had any power.
    const stepW = isSeen ? Math.abs(powerOf(beside) - ownW) : Math.max(maxPowerW - ownW, ownW)
    return acrossJ + stepW * blurS
  }
  let edgesJ = 0
  for (const [position, stretch] of stretches.entries()) {
    if (stretch.kind !== kind || !isCounted.subarray(stretch.from, stretch.to).includes(1)) continue
    edgesJ += edgeJ(stretch, position, -1) + edgeJ(stretch, position, 1)
  }
  return edgesJ + joules * relativeUncertainty
}

function powerOf({ joules, ns }: Stretch): number {
  return joules / (ns / 1e9)
}

function lengthOf(boundariesNs: Float64Array, piece: number): number {
  return (boundariesNs[piece + 1] as number) - (boundariesNs[piece] as number)
}

function ratio(joules: number, of: number): number | null {
  return of > 0 ? joules / of : null
}
