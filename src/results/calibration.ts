import { z } from 'zod'
import { boardGainSchema, COUNTER_KINDS, gainRatioSchema, METHODS } from './board.js'

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

/** What a meter measures: nothing but the board, a whole computer, or what its power supply takes from the wall. */
export const SCOPES = ['board', 'node', 'wall'] as const

/** A number and how far it may be off (k = 2). */
const estimateSchema = z.object({ value: z.number(), uncertainty: z.number() })

/** The readings of an external meter beside llem's, at levels of power that lasted. */
export const referenceSchema = z.object({
  scope: z.enum(SCOPES),
  /** What the file tells. */
  quantity: z.enum(['watts', 'joules']),
  /** Of the meter (k = 1), as its owner says. */
  standard_uncertainty_pct: z.number(),
  certificate: z.string().nullable(),
  /** The estimate of llem's that it stands beside. */
  method: z.enum(METHODS),
  /** How much later the meter's clock is than this machine's, seconds. */
  clock_offset_s: estimateSchema,
  /** Of the meter's readings and llem's, at that offset. */
  correlation: z.number(),
  levels: z.array(z.object({ duration_s: z.number(), llem_w: z.number(), meter_w: z.number() })),
  /** What the uncertainty is made of, in the manner of the GUM; percent, k = 1. */
  components: z.array(
    z.object({ component: z.string(), type: z.enum(['A', 'B']), standard_uncertainty_pct: z.number() }),
  ),
  /** Meter over llem; null where it measures more than the board. */
  gain: boardGainSchema.nullable(),
  gain_reason: z.string().nullable(),
  /** Watts of the meter for each watt of llem's, and at none; null where it measures the board alone. */
  slope: estimateSchema.nullable(),
  offset_w: estimateSchema.nullable(),
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
    /** Why that is undecided. */
    kind_reason: z.string().nullable().default(null),
    /** How old the energy is that it shows. Null where it was not found, as in calibrations of an older llem. */
    delay_ms: z.number().nullable().default(null),
    /** How far that may be off (k = 2). */
    delay_error_ms: z.number().nullable().default(null),
    delay_reason: z.string().nullable().default(null),
    /** Null where it was not found, as in calibrations of an older llem. */
    gain_ratio: gainRatioSchema.nullable().default(null),
    gain_ratio_reason: z.string().nullable().default(null),
  }),
  /** What an external meter said; null without one. */
  reference: referenceSchema.nullable().default(null),
  /** Why there is none although it was asked for. */
  reference_reason: z.string().nullable().default(null),
  call_latencies: z.array(callLatencySchema),
  shortest_windows: shortestWindowsSchema.nullable(),
  /** Why there are none. */
  shortest_windows_reason: z.string().nullable(),
})

export type CallLatency = z.infer<typeof callLatencySchema>
export type Calibration = z.infer<typeof calibrationSchema>
export type Reference = z.infer<typeof referenceSchema>
export type Scope = (typeof SCOPES)[number]
export type ShortestWindows = z.infer<typeof shortestWindowsSchema>
