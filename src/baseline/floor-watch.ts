// The power of the thermal floor in pieces of a few seconds, and the last of them over which it was flat.

import { describeForeignProcess, describeLimitChange } from '../energy/contamination.js'
import type { OpenedSampler } from '../energy/open.js'
import { energyOf } from '../energy/window-energy.js'
import type { Window } from '../native/sampler.js'
import type { NativeEnergy } from '../results/energy.js'
import { type DeviceLevel, meanUncertainties } from './level.js'

export const PIECE_S = 3
/** Whoever is flat was so for this long. */
const LEAST_S = 6
/** The means of flat pieces differ by less than this, or by less than they are uncertain. */
const FLAT_PCT = 2
/** Three pieces that go up, or down, by more than this each, drift. */
const DRIFT_PCT = 0.3

export interface FlatLevel {
  devices: DeviceLevel[]
  durationS: number
  disturbances: string[]
}

/** Windows one after the other, from its making until `end` or `cancel`. */
export class FloorWatch {
  readonly #opened: OpenedSampler
  readonly #isServerElsewhere: boolean
  readonly #pieces: Promise<NativeEnergy | null>[] = []
  readonly #timer: NodeJS.Timeout
  /** Null once none can be opened. */
  #window: Window | null

  constructor(opened: OpenedSampler, { isServerElsewhere }: { isServerElsewhere: boolean }) {
    this.#opened = opened
    this.#isServerElsewhere = isServerElsewhere
    this.#window = this.#begin()
    this.#timer = setInterval(() => this.#next(), PIECE_S * 1000)
  }

  cancel(): void {
    clearInterval(this.#timer)
    this.#window?.cancel()
    this.#window = null
  }

  /** The last level, at the end. */
  end(): Promise<FlatLevel | null> {
    // The last, shorter piece says little and is next to the window.
    this.cancel()
    return this.level()
  }

  /** The level of the last pieces that are flat; null where it was flat for too short. */
  async level(leastS = LEAST_S): Promise<FlatLevel | null> {
    const all = await Promise.all(this.#pieces)
    let flat: NativeEnergy[] = []
    for (const piece of all.toReversed()) {
      const longer = piece === null ? null : [piece, ...flat]
      if (longer === null || !isFlat(longer)) break
      flat = longer
    }
    const durationS = flat.reduce((sum, { duration_sec }) => sum + duration_sec, 0)
    // Timers are late by milliseconds, never early.
    const isShort = flat.length < Math.ceil(leastS / PIECE_S)
    return isShort || (await this.drifts()) ? null : this.#levelOf(flat, durationS)
  }

  /** Whether the last pieces go one way. */
  async drifts(): Promise<boolean> {
    return isDrifting(await Promise.all(this.#pieces.slice(-3)))
  }

  #next(): void {
    const { sampler, ownContainer } = this.#opened
    const ended = this.#window
    this.#window = this.#begin()
    if (ended === null) return
    const piece = ended.end().then(
      (report) => energyOf(report, sampler, { ownContainer }),
      () => null,
    )
    this.#pieces.push(piece)
  }

  /** A sampler that fails has no level, and costs the experiment nothing. */
  #begin(): Window | null {
    try {
      return this.#opened.sampler.beginWindow()
    } catch {
      return null
    }
  }

  #levelOf(pieces: readonly NativeEnergy[], durationS: number): FlatLevel {
    const devices = this.#opened.devices.map((device, position): DeviceLevel => {
      const powers = pieces.map((piece) => powerOf(piece, position) ?? Number.NaN)
      const joules = pieces.reduce(
        (sum, piece, place) => sum + (powers[place] as number) * piece.duration_sec,
        0,
      )
      const spreadW = Math.max(...powers) - Math.min(...powers)
      // What is uncertain of one piece may be so of all, and to the same side.
      const uncertainties = pieces.map((piece) => meanUncertainties(piece)[position] ?? Number.NaN)
      const uncertaintyW = Math.hypot(Math.max(...uncertainties), spreadW / 2)
      return {
        device,
        powerW: joules / durationS,
        uncertaintyW: Number.isNaN(uncertaintyW) ? null : uncertaintyW,
      }
    })
    return {
      devices,
      durationS,
      disturbances: [...new Set(pieces.flatMap((piece) => this.#disturbancesOf(piece)))],
    }
  }

  #disturbancesOf({ contamination: { foreign_processes, limit_changes } }: NativeEnergy): string[] {
    return [
      ...(this.#isServerElsewhere ? [] : (foreign_processes ?? []).map(describeForeignProcess)),
      ...(limit_changes ?? []).map(describeLimitChange),
    ]
  }
}

function powerOf({ devices }: NativeEnergy, position: number): number | null {
  return devices[position]?.mean_power_w ?? null
}

/** Whether three pieces go one way, so that their level is that of a moment. */
function isDrifting([first, second, third]: readonly (NativeEnergy | null)[]): boolean {
  if (first == null || second == null || third == null) return false
  return first.devices.some((_, position) => {
    const [a, b, c] = [first, second, third].map((piece) => powerOf(piece, position) ?? Number.NaN)
    if (a === undefined || b === undefined || c === undefined) return false
    const doubtW = meanUncertainties(second)[position] ?? 0
    const least = Math.max((Math.abs(b) * DRIFT_PCT) / 100, doubtW / 2)
    return Math.min(b - a, c - b) > least || Math.max(b - a, c - b) < -least
  })
}

function isFlat(pieces: readonly NativeEnergy[]): boolean {
  const [first] = pieces
  if (first === undefined) return false
  return first.devices.every((_, position) => {
    const powers = pieces.map((piece) => powerOf(piece, position))
    if (powers.some((power) => power == null)) return false
    const known = powers as number[]
    const mean = known.reduce((sum, power) => sum + power, 0) / known.length
    const doubtW = Math.max(...pieces.map((piece) => meanUncertainties(piece)[position] ?? 0))
    return Math.max(...known) - Math.min(...known) <= Math.max((mean * FLAT_PCT) / 100, doubtW)
  })
}
