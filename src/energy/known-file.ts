// The file of what is known of a GPU under a driver (known-devices.ts), which most commands never meet: its schema is only
// loaded where there is one.

import { z } from 'zod'
import { boardGainSchema, COUNTER_KINDS, gainRatioSchema } from '../results/board.js'

// The phase is not here: sensors begin to count when the driver is loaded, and every window finds its own.
const learnedSchema = z.object({
  /** When this was found out, or last changed. */
  learned_at: z.iso.datetime(),
  counter_kind: z.enum(COUNTER_KINDS),
  /** Time between two values of the power sensor. */
  update_period_ms: z.number().positive().nullable(),
  /** The time that a value is the mean of. */
  window_ms: z.number().positive().nullable(),
  /** How old that time is when the value appears, and how far that may be off (k = 2). */
  delay_ms: z.number().nonnegative().nullable(),
  delay_doubt_ms: z.number().nonnegative().nullable(),
  gain_ratio: gainRatioSchema.nullable(),
})

/** What no window sees by itself; only a calibration finds it. */
const calibratedSchema = z.object({
  calibrated_at: z.iso.datetime(),
  /** How far the time that a value is the mean of may be off (k = 2). */
  window_doubt_ms: z.number().nonnegative().nullable(),
  /** How old the energy is that the counter shows, and how far that may be off (k = 2). */
  counter_delay_ms: z.number().nonnegative().nullable(),
  counter_delay_doubt_ms: z.number().nonnegative().nullable(),
  board_gain: boardGainSchema.nullable(),
})

export const knownSchema = z.object({
  uuid: z.string(),
  driver: z.string(),
  /** Null where nothing is known, or only what an older llem kept in other words. */
  learned: learnedSchema.nullable().default(null),
  calibrated: calibratedSchema.nullable().default(null),
  /** The latest, unless that was interrupted and an earlier one was not; by results/calibration.ts, which few need. */
  calibration: z.unknown().default(null),
})

export type Learned = z.infer<typeof learnedSchema>
export type Calibrated = z.infer<typeof calibratedSchema>
export type Known = z.infer<typeof knownSchema>

/** The kind in the meter's words; what it does not say is undecided. */
export function counterKindOf(word: string | undefined): Learned['counter_kind'] {
  return COUNTER_KINDS.find((kind) => kind === word) ?? 'undecided'
}
