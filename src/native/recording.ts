// The other half is crates/binding/src/recording.rs: the files of a window after it.

import type * as Addon from '#addon'
import { LlemError, messageOf } from '../core/errors.js'
import { type DevicePieces, type Estimator, loadAddon, type WindowReport } from './addon.js'

/** What was recovered of a file. */
export interface RecoveredFile {
  rows: number
  /** How much of the window the rows span, seconds. */
  durationS: number
}

/** The energy of a GPU by the 1 Hz rows, joules; null where no second has a mean power. */
export interface TimeseriesEnergy {
  gpuIndex: number
  joules: number | null
}

/**
 * Makes the file `path` from the partial one that a killed process left beside it. Throws FILE_MISSING where there
 * is none, FILE_WHOLE, FILE_IN_USE, FILE_DAMAGED or FILE_FAILED.
 */
export function recoverFile(path: string): Promise<RecoveredFile> {
  return ask(path, (addon) => addon.recoverFile(path))
}

/** The report of a window once more, from its samples.parquet. Throws FILE_MISSING, FILE_DAMAGED or FILE_FAILED. */
export function recomputeWindow(path: string): Promise<WindowReport> {
  return ask(path, (addon) => addon.recomputeWindow(path))
}

/**
 * The report of a part of a window, from its samples.parquet: what a window there would have told, but for the reads
 * that come more often around the edges of a real one. Throws PART_OUTSIDE and what {@link recomputeWindow} throws.
 */
export function recomputePart(path: string, startNs: number, endNs: number): Promise<WindowReport> {
  return ask(path, (addon) => addon.recomputePart(path, startNs, endNs))
}

/**
 * The energy of each GPU between neighbouring boundaries: monotonic nanoseconds, in order, within the window of a
 * samples.parquet. From edge to edge the pieces add up to the headline of the window. Throws PART_OUTSIDE and what
 * {@link recomputeWindow} throws.
 */
export function integralPieces(path: string, boundariesNs: Float64Array): Promise<DevicePieces[]> {
  return ask(path, (addon) => addon.integralPieces(path, boundariesNs))
}

/** What a timeseries.parquet adds up to, by GPU. Throws FILE_MISSING, FILE_DAMAGED or FILE_FAILED. */
export function timeseriesEnergy(path: string): Promise<TimeseriesEnergy[]> {
  return ask(path, (addon) =>
    addon.timeseriesEnergy(path).map(({ gpuIndex, joules }) => ({ gpuIndex, joules: joules ?? null })),
  )
}

/** What makes the joules of this llem; a result of another estimator cannot be recomputed by it. */
export async function estimatorHere(): Promise<Estimator> {
  return (await loadAddon()).estimator()
}

async function ask<T>(path: string, question: (addon: typeof Addon) => T): Promise<T> {
  const addon = await loadAddon()
  try {
    return question(addon)
  } catch (error) {
    const code = String((error as { code?: unknown }).code)
    const { what, hint } = PROBLEMS[code] ?? UNREADABLE
    throw new LlemError(`${path} ${what(messageOf(error))}.`, {
      code: code in PROBLEMS ? code : 'FILE_FAILED',
      hint,
      cause: error,
    })
  }
}

const UNREADABLE = { what: (cause: string) => `cannot be read: ${cause}`, hint: null }
const PROBLEMS: Record<string, { what(cause: string): string; hint: string | null }> = {
  FILE_MISSING: { what: () => 'is not there', hint: null },
  FILE_WHOLE: { what: () => 'is whole', hint: null },
  FILE_IN_USE: {
    what: () => 'is still being written',
    hint: 'Wait until the llem that measures there has ended.',
  },
  PART_OUTSIDE: { what: () => 'holds another stretch of time than the one that was asked for', hint: null },
  FILE_DAMAGED: {
    what: (cause) => `is damaged or of another version of llem: ${cause}`,
    hint: 'Measure again with this version.',
  },
}
