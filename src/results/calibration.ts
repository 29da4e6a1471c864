import { z } from 'zod'
import { COUNTER_KINDS, gainRatioSchema, METHODS } from './energy.js'

// What `llem calibrate` found out about a GPU under a driver. Null is what could not be found.

/**
 * When the sampler makes a call: "hot" at every deadline; "edges" every few milliseconds around the edges of a window and
 * twice a second within it; "slow" at the interval of the slow signals; "rare" every few seconds or once at an edge.
 */
export const laneSchema = z.enum(['hot', 'edges', 'slow', 'rare'])

/** How long one of the sampler's driver calls takes when nothing waits between two. */
export const callLatencySchema = z.object({
  call: z.string(),
  /** Null in calibrations that timed several calls as one. */
  lane: laneSchema.nullable().default(null),
  /** Whether the load ran meanwhile. */
  under_load: z.boolean(),
  /** How often it had an answer; only those are timed. */
  calls: z.number().int(),
  /** Null where it never had one. */
  p50_us: z.number().nullable(),
  p99_us: z.number().nullable(),
  max_us: z.number().nullable(),
  /** Why the last one without an answer had none. */
  error: z.string().nullable(),
})

/** The time that a power reading is the mean of, from a load with known edges; errors are k = 2. */
export const averagingWindowSchema = z.object({
  window_ms: z.number(),
  window_error_ms: z.number(),
  /** How long after the end of that time the reading appears. */
  delay_ms: z.number(),
  delay_error_ms: z.number(),
  /** Root mean square of what the load does not explain of the readings. */
  unexplained_w: z.number(),
  /** The share of the readings' variance that it explains. */
  explained_pct: z.number(),
  readings: z.number().int(),
})

/** How short a window may be for its uncertainty (k = 2, without the board's gain) to be so many percent. */
export const shortestWindowsSchema = z.object({
  /** The estimate that was quoted for the windows that this rests on. */
  method: z.enum(METHODS),
  /** How many windows that was, and the mean power in them. */
  windows: z.number().int(),
  mean_power_w: z.number(),
  /** Whether the load ran meanwhile; if not, they are of whatever the GPU did. */
  under_load: z.boolean(),
  lengths: z.array(
    z.object({
      uncertainty_pct: z.number(),
      /** Null: no length is enough. */
      length_s: z.number().nullable(),
    }),
  ),
})

export const calibrationSchema = z.object({
  calibrated_at: z.iso.datetime(),
  /** Whether it was ended before it was complete. */
  interrupted: z.boolean(),
  /** The program that worked the GPU; null where none ran. */
  load: z.array(z.string()).nullable(),
  /** Time between two values of the power sensor. */
  update_period_ms: z.number().nullable(),
  averaging_window: averagingWindowSchema.nullable(),
  /** Why there is no averaging window. */
  averaging_window_reason: z.string().nullable(),
  counter: z.object({
    /** Time between two values of the energy counter. */
    period_ms: z.number().nullable(),
    /** The greatest step of which all its increments are multiples. */
    quantum_mj: z.number().nullable(),
    /** What it does, as far as it has shown. */
    kind: z.enum(COUNTER_KINDS).default('undecided'),
    /** Null where it was not found, as in calibrations of an older llem. */
    gain_ratio: gainRatioSchema.nullable().default(null),
  }),
  call_latencies: z.array(callLatencySchema),
  shortest_windows: shortestWindowsSchema.nullable(),
  /** Why there are none. */
  shortest_windows_reason: z.string().nullable(),
})

export type CallLatency = z.infer<typeof callLatencySchema>
export type Calibration = z.infer<typeof calibrationSchema>
export type ShortestWindows = z.infer<typeof shortestWindowsSchema>
