// The readings of one external meter -> its joules in one window, reading by reading: what is kept does not grow with the
// length of the window. The same readings in the same order make the same joules, so that they can be recomputed.
//
// Power is a straight line between two readings, a counter one between two of its ticks. See docs/decisions/node-meters.md.

import { plain, uncertain } from '../../results/uncertain.js'
import { isImpossible } from './impossible.js'
import type { Quantity, Reading } from './protocol.js'
import { Usual } from './usual.js'

/** With fewer new values in the window it says nothing of the window. */
export const FEWEST_UPDATES = 3
/** Where less of the window is covered nothing is said of it. */
const LEAST_COVERAGE = 0.9
/** A pause so many times as long as usual is a gap, if it is longer than a second. */
const GAP_FACTOR = 3
const SHORTEST_GAP_NS = 1e9
/** A value that stands still for so long, or for so many usual updates, is an old one. */
const STALE_NS = 60e9
const STALE_UPDATES = 10
/** For so many usual updates an edge needs no reading beyond it. */
const EDGE_UPDATES = 1.5
/** A value may be the mean over the time between two updates (late by half of it), and shown for as long. */
const BLIND_UPDATES = 1
/**
 * Between moments the power may be anything, and readings in step with a load hide all of it: so much of the energy is
 * never certain by them. A convention, see docs/decisions/node-meters.md.
 */
export const MOMENTS_SHARE = 0.03
/** Of a step: what differs by less is the rounding of numbers. */
const ROUNDING = 1e-6
/** Updates on either side of an edge that tell how fast the power changes there. */
const BESIDE_EDGE = 3

export interface WindowEnergy {
  energyJ: number | null
  uncertaintyJ: number | null
  meanPowerW: number | null
  coverage: number | null
  readings: number
  updates: number
  updatePeriodMs: number | null
  /** Why `energyJ` is null. */
  reason: string | null
}

export interface IntegralOptions {
  quantity: Quantity
  startNs: number
  /** Every reading is new, whatever its value. */
  printsNewOnly: boolean
  /** Each reading of power is the mean since the one before, and none of a moment. */
  isMeans: boolean
  /** The readings are stamped when they come. */
  isStampedHere: boolean
}

export class WindowIntegral {
  readonly #options: IntegralOptions
  #endNs: number | null = null
  #last: Reading | null = null
  /** The latest new values, the first one after the window among them. */
  #recent: Reading[] = []
  /** The latest before the window and the first in it. */
  #atStart: Reading[] = []
  #firstInside: Reading | null = null
  #isClosed = false
  #joules = 0
  #squares = 0
  #uncoveredNs = 0
  #gapNs = 0
  #lowest = Number.POSITIVE_INFINITY
  #highest = Number.NEGATIVE_INFINITY
  #readings = 0
  #updates = 0
  #longestStillNs = 0
  #fell: { from: number; to: number } | null = null
  /** Of a counter: the powers of its steps, the steepest of them, and its smallest increment as far as it was seen. */
  readonly #powers = new Usual()
  #steepest: { joules: number; ns: number; powerW: number } | null = null
  #incrementJ = Number.POSITIVE_INFINITY
  #stepJ: number | null = null
  readonly #prints = new Usual()
  readonly #between = new Usual()

  constructor(options: IntegralOptions) {
    this.#options = options
  }

  /** The window ends here; no reading before this call may be later. */
  end(endNs: number): void {
    this.#endNs = endNs
  }

  /** Whether what comes next changes nothing: a reading of power or a tick of the counter after the end is there. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Usual time between two new values; null while it is not known. */
  get periodNs(): number | null {
    return this.#between.median
  }

  /** Takes the next reading, which is later than the one before. */
  push(reading: Reading): void {
    if (this.#isClosed) return
    const { startNs, quantity, printsNewOnly } = this.#options
    const last = this.#last
    const isNew = last === null || printsNewOnly || reading.value !== last.value
    if (quantity === 'energy' && last !== null && reading.value < last.value)
      this.#fell ??= { from: last.value, to: reading.value }
    if (last !== null && reading.tNs > startNs) this.#prints.add(reading.tNs - last.tNs)
    if (quantity === 'power' && last !== null) this.#addPower(last, reading)
    const isInside = reading.tNs >= startNs && reading.tNs <= (this.#endNs ?? Number.POSITIVE_INFINITY)
    if (isInside) {
      this.#readings += 1
      this.#firstInside ??= reading
    }
    if (isNew) this.#takeNew(reading, isInside)
    this.#last = reading
    if (this.#endNs !== null && reading.tNs > this.#endNs) this.#isClosed = quantity === 'power' || isNew
  }

  result(): WindowEnergy {
    const { startNs, quantity, isStampedHere } = this.#options
    const endNs = this.#endNs
    if (endNs === null) throw new Error('the window has not ended')
    const durationNs = endNs - startNs
    const periodNs = this.periodNs
    const told = {
      readings: this.#readings,
      updates: this.#updates,
      updatePeriodMs: periodNs === null ? null : periodNs / 1e6,
    }
    const unknown = (reason: string, coverage: number | null = null): WindowEnergy => ({
      ...{ energyJ: null, uncertaintyJ: null, meanPowerW: null, coverage },
      ...told,
      reason,
    })
    const seconds = `${(durationNs / 1e9).toFixed(1)} s`
    if (this.#last === null) return unknown('it has printed no reading')
    if (this.#fell !== null)
      return unknown(`its counter fell from ${this.#fell.from} J to ${this.#fell.to} J: it began anew`)
    const jump = this.#whyJumped()
    if (jump !== null) return unknown(jump)
    if (this.#readings === 0) return unknown(`it has printed no reading in the window of ${seconds}`)
    const stillNs = Math.max(this.#longestStillNs, endNs - Math.max(this.#recentInside(endNs), startNs))
    if (this.#updates < FEWEST_UPDATES) return unknown(this.#whyFew(seconds))
    if (stillNs > Math.max(STALE_NS, STALE_UPDATES * (periodNs ?? 0)))
      return unknown(`its value has not changed for ${(stillNs / 1e9).toFixed(0)} s: it is an old one`)
    const edges = this.#uncoveredEdges(startNs, endNs, periodNs ?? 0)
    const coverage = Math.max(0, 1 - (this.#uncoveredNs + edges.beforeNs + edges.afterNs) / durationNs)
    if (coverage < LEAST_COVERAGE)
      return unknown(
        `its readings cover ${(coverage * 100).toFixed(0)} % of the window of ${seconds}${edges.afterNs > SHORTEST_GAP_NS ? `: the last one came ${(edges.silentNs / 1e9).toFixed(1)} s before its end` : ''}`,
        coverage,
      )
    const energyJ = this.#joules + edges.joules
    const rangeW = Math.max(0, this.#highest - this.#lowest)
    // The meter is asked now and then, and a stamp of arrival has the way of the line in it too.
    const blindNs = (periodNs ?? 0) * (BLIND_UPDATES + (isStampedHere ? 1 : 0)) + (this.#prints.median ?? 0)
    const timesJ = Math.hypot(
      this.#edgeDoubtJ(this.#atStart, blindNs),
      this.#edgeDoubtJ(this.#recent, blindNs),
      Math.sqrt(2 * this.#squares),
      (this.#gapNs / 1e9) * rangeW,
      ((edges.beforeNs + edges.afterNs) / 1e9) * Math.max(rangeW, quantity === 'energy' ? this.#highest : 0),
    )
    const uncertaintyJ = Math.max(timesJ, this.#floorJ(energyJ))
    if (uncertaintyJ > energyJ)
      return unknown(
        `its times hide more than it shows: ${uncertain(energyJ, uncertaintyJ, 'J')} in the window of ${seconds}`,
        coverage,
      )
    return {
      ...{ energyJ, uncertaintyJ, meanPowerW: energyJ / (durationNs / 1e9), coverage },
      ...told,
      reason: null,
    }
  }

  /** A stretch of power between two readings, as far as it is in the window. */
  #addPower(from: Reading, to: Reading): void {
    const { startNs } = this.#options
    const [a, b] = [Math.max(from.tNs, startNs), Math.min(to.tNs, this.#endNs ?? to.tNs)]
    if (b <= a) return
    const at = (tNs: number) =>
      from.value + ((to.value - from.value) * (tNs - from.tNs)) / (to.tNs - from.tNs)
    this.#joules += ((b - a) / 1e9) * ((at(a) + at(b)) / 2)
    this.#saw(from.value)
    this.#saw(to.value)
    if (this.#isGap(to.tNs - from.tNs)) {
      this.#gapNs += b - a
      this.#uncoveredNs += b - a
    }
  }

  #takeNew(reading: Reading, isInside: boolean): void {
    const { startNs, quantity } = this.#options
    const before = this.#recent.at(-1)
    if (before !== undefined) {
      this.#between.add(reading.tNs - before.tNs)
      const [a, b] = [Math.max(before.tNs, startNs), Math.min(reading.tNs, this.#endNs ?? reading.tNs)]
      this.#longestStillNs = Math.max(this.#longestStillNs, b - a)
      // Between two moments the power may have been anything; what it was at them says how far.
      if (quantity === 'power' && b > a)
        this.#squares += (((b - a) / 1e9) * (reading.value - before.value)) ** 2
      if (quantity === 'energy' && b > a) {
        const powerW = powerBetween(before, reading)
        this.#takeStep(reading.value - before.value, reading.tNs - before.tNs)
        this.#joules += powerW * ((b - a) / 1e9)
        this.#saw(powerW)
      }
      // The first reading of all is new to llem alone.
      if (isInside) this.#updates += 1
    } else if (isInside && this.#options.printsNewOnly) this.#updates += 1
    this.#recent = [...this.#recent, reading].slice(-2 * BESIDE_EDGE)
    const after = this.#atStart.filter(({ tNs }) => tNs > startNs).length
    if (reading.tNs <= startNs) this.#atStart = [...this.#atStart, reading].slice(-BESIDE_EDGE)
    else if (after < BESIDE_EDGE) this.#atStart = [...this.#atStart, reading]
  }

  /** A step of a counter. Two ticks may be seen late and early, so that the usual time between them counts if it is longer. */
  #takeStep(joules: number, ns: number): void {
    if (!(joules > 0)) return
    const powerW = joules / (Math.max(ns, this.#between.median ?? 0) / 1e9)
    this.#powers.add(powerW)
    if (this.#steepest === null || powerW > this.#steepest.powerW) this.#steepest = { joules, ns, powerW }
    const change = Math.abs(joules - (this.#stepJ ?? joules))
    this.#incrementJ = Math.min(this.#incrementJ, joules, change > ROUNDING * joules ? change : joules)
    this.#stepJ = joules
  }

  /** Null where every step of the counter is one of a machine. */
  #whyJumped(): string | null {
    const usualW = this.#powers.median
    if (this.#steepest === null || !isImpossible(this.#steepest.powerW, usualW)) return null
    const { joules, ns } = this.#steepest
    const late = this.#options.isStampedHere ? ', or its lines came late' : ''
    return `its counter rose by ${plain(joules)} J in ${(ns / 1e9).toPrecision(2)} s, which no machine draws that usually draws ${plain(usualW ?? 0)} W${late}`
  }

  /** What is uncertain however even the readings are. */
  #floorJ(energyJ: number): number {
    if (this.#options.quantity === 'power') return this.#options.isMeans ? 0 : MOMENTS_SHARE * energyJ
    return Number.isFinite(this.#incrementJ) ? this.#incrementJ : 0
  }

  #saw(powerW: number): void {
    this.#lowest = Math.min(this.#lowest, powerW)
    this.#highest = Math.max(this.#highest, powerW)
  }

  /** By what is known of the meter by now. */
  #isGap(ns: number): boolean {
    if (ns <= SHORTEST_GAP_NS || this.#prints.count < FEWEST_UPDATES) return false
    return ns > GAP_FACTOR * (this.#prints.median ?? Number.POSITIVE_INFINITY)
  }

  /** When the latest new value came that is in the window or before it. */
  #recentInside(endNs: number): number {
    return this.#recent.findLast(({ tNs }) => tNs <= endNs)?.tNs ?? endNs
  }

  #whyFew(seconds: string): string {
    const periodNs = this.periodNs
    if (this.#updates === 0 && this.#readings >= FEWEST_UPDATES)
      return `its value has not changed in the window of ${seconds}: nothing tells whether it was read anew`
    const how = periodNs === null ? '' : `, which come every ${(periodNs / 1e9).toPrecision(2)} s`
    return `the window of ${seconds} is shorter than ${FEWEST_UPDATES} updates of this meter${how}`
  }

  /** What lies before the first and after the last reading: joules as if nothing changed there, and time that is too long for that. */
  #uncoveredEdges(startNs: number, endNs: number, periodNs: number) {
    const isPower = this.#options.quantity === 'power'
    const first = isPower ? this.#firstInside : (this.#atStart[0] ?? null)
    const final = isPower ? this.#last : (this.#recent.at(-1) ?? null)
    const headNs = first === null ? 0 : Math.max(0, this.#hasBefore(startNs) ? 0 : first.tNs - startNs)
    const silentNs = final === null ? 0 : Math.max(0, endNs - final.tNs)
    const [firstW, finalW] = isPower
      ? [first?.value ?? 0, final?.value ?? 0]
      : [edgePowerW(this.#atStart, 0), edgePowerW(this.#recent, -1)]
    const held = EDGE_UPDATES * periodNs
    return {
      joules: (firstW * headNs + finalW * silentNs) / 1e9,
      beforeNs: Math.max(0, headNs - held),
      afterNs: Math.max(0, silentNs - held),
      silentNs,
    }
  }

  #hasBefore(startNs: number): boolean {
    return (this.#atStart[0]?.tNs ?? Number.POSITIVE_INFINITY) <= startNs
  }

  /** So long may a value be late: that time at all that the power changes there. */
  #edgeDoubtJ(beside: readonly Reading[], blindNs: number): number {
    const isPower = this.#options.quantity === 'power'
    const powers = isPower
      ? beside.map(({ value }) => value)
      : beside.slice(1).map((reading, k) => powerBetween(beside[k] as Reading, reading))
    if (powers.length === 0) return 0
    const [lowest, highest] = [Math.min(...powers), Math.max(...powers)]
    const changing = (blindNs / 1e9) * (highest - lowest)
    // A tick that is seen late, because the meter is asked less often than it would show.
    const printNs = this.#prints.median ?? 0
    const isPolled = !isPower && !this.#options.printsNewOnly && printNs < 0.9 * (this.periodNs ?? 0)
    return Math.hypot(changing, isPolled ? (printNs / 2e9) * highest : 0)
  }
}

function powerBetween(from: Reading, to: Reading): number {
  return (to.value - from.value) / ((to.tNs - from.tNs) / 1e9)
}

/** Of a counter: the mean power between the two ticks at an end of a list. */
function edgePowerW(ticks: readonly Reading[], at: 0 | -1): number {
  const [from, to] = at === 0 ? ticks.slice(0, 2) : ticks.slice(-2)
  return from === undefined || to === undefined ? 0 : powerBetween(from, to)
}
