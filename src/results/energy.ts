import { z } from 'zod'
import { ENERGY_BACKENDS } from '../core/energy-backends.js'
import { boardGainSchema, COUNTER_KINDS, gainRatioSchema, METHODS } from './board.js'
import { externalEnergySchema } from './external.js'
import { deviceFindingSchema, findingSchema } from './finding.js'
import { nodesEnergySchema } from './nodes.js'
import { untrustedEnergySchema } from './untrusted.js'

// What is on disk about energy: joules (J), watts (W), seconds (s), monotonic nanoseconds (ns). Null is unknown.

const joules = z.number().nullable()
const watts = z.number().nullable()

const method = z.enum(METHODS).nullable()

/** Time throttled by cause in seconds, from the driver's cumulative counters; null where it has none. */
export const throttledSchema = z.object({
  power_cap_s: z.number().nullable(),
  sw_thermal_s: z.number().nullable(),
  hw_thermal_s: z.number().nullable(),
  power_brake_s: z.number().nullable(),
})

/** A part of an uncertainty, in the manner of the GUM. */
export const componentSchema = z.object({
  component: z.string(),
  /** What it rests on, in words. */
  source: z.string(),
  /** "A": seen in these readings; "B": known from elsewhere. */
  type: z.enum(['A', 'B']),
  /** k = 1. */
  standard_uncertainty_j: z.number(),
  /** Whether it is the same in every window of the board, and so in the absolute uncertainty alone. */
  of_board: z.boolean(),
})
export type Component = z.infer<typeof componentSchema>

/** What a sensor that is of no GPU measures. */
export const SENSOR_KINDS = ['module', 'cpu', 'gpu', 'soc', 'io', 'input', 'other'] as const

/** A part of a GPU that is cut into some, and what it may have drawn by a model (docs/decisions/mig.md): in no sum. */
export const migInstanceSchema = z.object({
  uuid: z.string(),
  gpu_instance_id: z.number().int().nullable(),
  compute_instance_id: z.number().int().nullable(),
  /** Of the GPU's `slices_of_gpu`. */
  slices: z.number().int().nullable(),
  slices_of_gpu: z.number().int().nullable(),
  multiprocessors: z.number().int().nullable(),
  /** How many were seen computing in it; null where the driver does not list them. */
  processes: z.number().int().nullable(),
  /** Whether one of them is llem's own; false also where nobody can tell. */
  is_own: z.boolean().nullable(),
  /** A model's and nobody's measurement; null where it says nothing. */
  modelled_j: joules,
  /** Why it says nothing, or what it rests on. */
  modelled_reason: z.string(),
})
export type MigInstance = z.infer<typeof migInstanceSchema>

export const deviceEnergySchema = z.object({
  index: z.number().int(),
  uuid: z.string(),
  name: z.string().nullable(),
  /** The number to quote. */
  total_j: joules,
  method,
  /** Why this method, or why there is none. */
  reason: z.string(),
  /** Trapezoid over power readings, edges interpolated; of the recorded window, also where `total_j` is of a part (`cut`). */
  integral_j: joules,
  /** Energy counter, corrected at the edges; of the recorded window too. */
  counter_j: joules,
  /** Plain difference of the energy counter. */
  counter_raw_j: joules,
  /** (integral - counter) / counter. */
  residual_pct: z.number().nullable(),
  /** How far `total_j` may be off (k = 2) on this board: for comparing what it measured. */
  uncertainty_j: joules,
  /** The same with the board's gain: for comparing boards. */
  absolute_uncertainty_j: joules,
  /** What both are made of: twice the root of the squares, what is of the board in the absolute one alone. */
  uncertainty: z.array(componentSchema),
  /** The board's own factor, known no better than this and the same in every window (arXiv:2312.02741). */
  gain_pct: z.number().nullable(),
  /** What an external meter said of that factor (`llem calibrate --reference`). The joules are not multiplied with it. */
  board_gain: boardGainSchema.nullable().default(null),
  /** What the energy counter does, as far as it has shown: "sum_of_readings" misses what the sensor does not see. */
  counter_kind: z.enum(COUNTER_KINDS).nullable(),
  gain_ratio: gainRatioSchema.nullable(),
  findings: z.array(deviceFindingSchema),
  /** When sensor and counter publish; null is what was not seen. */
  sensor: z.object({
    /** Time between two values of the power sensor. */
    update_period_ms: z.number().nullable(),
    /** The time that a value is taken to be the mean of. */
    window_ms: z.number(),
    /** By how much the readings were taken to be late: half of both. */
    lag_ms: z.number(),
    /** Time between two changes of the energy counter. */
    counter_period_ms: z.number().nullable(),
    /** The sensor's phase: when, after the window's beginning, it first published; less than a period. */
    first_update_ms: z.number().nullable().default(null),
    /** How far that may be off. */
    first_update_doubt_ms: z.number().nullable().default(null),
    /** The counter's phase: when, after the window's beginning, it first changed. */
    counter_first_update_ms: z.number().nullable().default(null),
    counter_first_update_doubt_ms: z.number().nullable().default(null),
  }),
  /** Share of the window that the readings cover, 0 to 1. */
  coverage: z.number(),
  gap_s: z.number(),
  readings: z.number().int(),
  missing: z.number().int(),
  missing_reason: z.string().nullable(),
  mean_power_w: watts,
  max_power_w: watts,
  /**
   * "instant", "power_usage", "average_1s" where that is a mean over one second, "average_field" (field 185) where that does not
   * answer, "samples_buffer" (the newest of nvmlDeviceGetSamples) where nothing else does, "counter_alone" where no power is told, or a file such as "hwmon power1_input".
   */
  power_domain: z.string(),
  temperature_start_c: z.number().nullable(),
  temperature_end_c: z.number().nullable(),
  temperature_max_c: z.number().nullable(),
  memory_used_max_mb: z.number().nullable(),
  /** Bits of nvml.h, ORed over the window. */
  throttle_reasons: z.number().int().nullable(),
  throttled: throttledSchema,
  /** Empty where it is not cut into instances, and in older results. */
  mig: z.array(migInstanceSchema).default([]),
})

/** The sampler's own punctuality and cost in the window. */
export const samplerSchema = z.object({
  interval_ms: z.number(),
  samples: z.number().int(),
  missed_deadlines: z.number().int(),
  dropped: z.number().int(),
  lateness_us_p50: z.number().nullable(),
  lateness_us_p99: z.number().nullable(),
  /** How long the driver took to answer with the power of one device. */
  read_us_p50: z.number().nullable().default(null),
  read_us_p99: z.number().nullable().default(null),
  cpu_s: z.number(),
  driver_s: z.number(),
  driver_calls: z.number().int(),
})

/** One energy counter of the CPU (RAPL). */
export const cpuDomainSchema = z.object({
  /** "package-0", or "package-0/dram" of what belongs to it. */
  domain: z.string(),
  /** A package holds its core and uncore (graphics); psys holds the packages; dram is beside them. */
  kind: z.enum(['package', 'core', 'uncore', 'dram', 'psys', 'other']),
  energy_j: joules,
  /** The highest power for as long as the edges are uncertain: one tick of the counter, as it was seen to tick. */
  uncertainty_j: joules,
  /** Why `energy_j` is null. */
  reason: z.string().nullable(),
  /** The domain whose counter this one shows once more: its joules stand there, and are in no sum twice. */
  mirrors: z.string().nullable().default(null),
})

/** The CPU and its memory over the window, by RAPL. Part of no other number, but for `total_j` of the backend `rapl`. */
export const cpuEnergySchema = z.object({
  /** Sum over the sockets and dies, those that mirror another left out; null when one of them is. */
  package_j: joules,
  /** Sum over the sockets; null when one of them is. Not part of `package_j`. */
  dram_j: joules,
  /** Why one of the two is null. */
  reason: z.string().nullable(),
  domains: z.array(cpuDomainSchema),
})

/**
 * A sensor that is of no GPU alone (hwmon): Grace's power meters, the rails of a Jetson, a server's own meter. They overlap
 * with one another, with the CPU and with the GPUs, so none is part of any other number of a result.
 */
export const sensorEnergySchema = z.object({
  /** As its driver labels it: "Module Power Socket 0", "VDD_CPU_CV". */
  sensor: z.string(),
  /** By its label. */
  kind: z.enum(SENSOR_KINDS),
  /** The files that are read. */
  source: z.string(),
  energy_j: joules,
  /** k = 2, with the sensor's own factor, which is assumed. */
  uncertainty_j: joules,
  mean_power_w: watts,
  /** Time between two values, as it was seen. */
  update_period_ms: z.number().nullable(),
  /** What the number rests on, or why there is none. */
  reason: z.string(),
  /** Whether llem's reading of this kind of sensor was tried on hardware. */
  met_hardware: z.boolean(),
})

/** A process that polls the GPUs beside llem. */
export const otherSamplerSchema = z.object({
  pid: z.number().int(),
  name: z.string(),
  /** Whether it is part of what was measured. */
  measured: z.boolean(),
})

/** A process that computed on a GPU and is not llem's own. */
export const foreignProcessSchema = z.object({
  gpu_index: z.number().int(),
  pid: z.number().int(),
  name: z.string().nullable(),
  /** "unknown": in a container it cannot be told whether it is the load itself. */
  relation: z.enum(['foreign', 'unknown']),
})

/** A limit that was not the same throughout the window. */
export const limitChangeSchema = z.object({
  gpu_index: z.number().int(),
  limit: z.enum(['power_w', 'sm_clock_mhz', 'memory_clock_mhz']),
  from: z.number(),
  to: z.number(),
})

/** What else went on in the window. */
export const contaminationSchema = z.object({
  /** Of those that this user can see; null where /proc cannot be read. */
  other_samplers: z.array(otherSamplerSchema).nullable(),
  /** Who else computed on the GPUs; null where one of them does not list its processes. */
  foreign_processes: z.array(foreignProcessSchema).nullable(),
  /** Limits that somebody moved; null where nobody looked. */
  limit_changes: z.array(limitChangeSchema).nullable(),
})

/** Energy that a backend measured beside the GPUs. */
export const energyDomainSchema = z.object({
  /** "cpu", "ram", or one socket: "cpu-0", "dram-0". */
  domain: z.string(),
  energy_j: joules,
  /** How the backend came to it; much of it is estimated. */
  source: z.string(),
})

/** A backend's own estimate of emissions, of all domains that it knows. */
export const emissionsSchema = z.object({
  gco2e: z.number(),
  energy_kwh: z.number(),
  country: z.string().nullable(),
  intensity_gco2_kwh: z.number().nullable(),
})

const backendName = z.enum(ENERGY_BACKENDS)

/** How the backend was chosen. */
export const selectionSchema = z.object({
  requested: z.enum([...ENERGY_BACKENDS, 'auto']),
  chosen: backendName.nullable(),
  /** In the order in which they were asked. */
  tried: z.array(
    z.object({
      backend: backendName,
      available: z.boolean(),
      /** Why it was passed over; null for the one that was chosen. */
      reason: z.string().nullable(),
    }),
  ),
  /** Time that asking them took. */
  probe_ms: z.number(),
  /** Why the chosen backend's energy is not in this result although it was chosen: it failed in the window. */
  failure: z.string().nullable(),
})

/** What a backend other than llem's own sampler measured, over its own window. */
export const backendMeasurementSchema = z.object({
  /** UUID -> joules; null where the backend only tells the sum. */
  per_gpu_j: z.record(z.string(), z.number()).nullable(),
  samples: z.number().int().nullable(),
  /** Beside the GPUs, and part of no other number. */
  domains: z.array(energyDomainSchema),
  emissions: emissionsSchema.nullable(),
  versions: z.record(z.string(), z.string()),
})

/** llem's own sampler beside another backend. */
export const crossCheckSchema = z.object({
  /** By llem's own sampler, over `window`. */
  total_j: joules,
  uncertainty_j: joules,
  absolute_uncertainty_j: joules.default(null),
  method,
  /** Why this method, or why there is none. */
  reason: z.string(),
  window: z.object({ start_ns: z.number(), end_ns: z.number() }),
  /** The same by device, in the order of `energy.devices`, whose joules are the backend's; null in older results. */
  devices: z
    .array(
      deviceEnergySchema.pick({
        index: true,
        uuid: true,
        total_j: true,
        method: true,
        reason: true,
        uncertainty_j: true,
        absolute_uncertainty_j: true,
        uncertainty: true,
      }),
    )
    .nullable()
    .default(null),
  /** Mean power of `window` over the time of the backend's own, whose edges are milliseconds away. */
  over_backend_window_j: joules,
  /** What the milliseconds between the edges may hold, at the highest power that was seen. */
  edges_j: joules,
  /** (backend - over_backend_window_j) / over_backend_window_j. */
  residual_pct: z.number().nullable(),
  /** Whether they differ by more than 3 % and more than all that is uncertain. */
  flagged: z.boolean(),
})

export const energySchema = z.object({
  /** Whose joules `total_j` are. */
  backend: backendName,
  /** What they are of: where nothing reads a GPU, the CPU by RAPL, or by CodeCarbon, which may estimate it. */
  domain: z.enum(['gpu', 'cpu']).default('gpu'),
  method,
  /** Sum over the devices, or over what `domain` says; null when one of them has none. */
  total_j: joules,
  /** Why `total_j` is null, or what it rests on. */
  reason: z.string(),
  integral_j: joules,
  counter_j: joules,
  counter_raw_j: joules,
  residual_pct: z.number().nullable(),
  /** How far `total_j` may be off (k = 2) on these boards: root of squares over the devices. */
  uncertainty_j: joules,
  /** The same with the boards' gain, which is each one's own. */
  absolute_uncertainty_j: joules,
  gain_pct: z.number().nullable(),
  /** Of the device that is covered least; null where llem's own sampler could read none. */
  coverage: z.number().nullable(),
  duration_sec: z.number(),
  window: z.object({ start_ns: z.number(), end_ns: z.number(), start_utc: z.string() }),
  /**
   * The window that was recorded, where `window` is the part of it in which inference ran, and the joules of the rest. The
   * files, and all but `total_j`, `mean_power_w` and their sums, are of the recorded one. Null where nothing was cut off.
   */
  cut: z
    .object({
      recorded: z.object({ start_ns: z.number(), end_ns: z.number() }),
      before_j: z.number(),
      after_j: z.number(),
    })
    .nullable()
    .default(null),
  /** Of llem's own sampler; null where it could read no device. */
  sampler: samplerSchema.nullable(),
  /** As llem's own sampler saw them, with the joules of the backend; empty where llem's own could read none. */
  devices: z.array(deviceEnergySchema),
  /** GPUs that were to be measured and cannot be; in no joules. Null where nobody looked. */
  unmeasured: z
    .array(z.object({ gpu_index: z.number().int(), reason: z.string() }))
    .nullable()
    .default(null),
  cpu: cpuEnergySchema,
  /** By meters outside of the GPUs, over windows of their own as long as the recorded one; in no other number. */
  external: z.array(externalEnergySchema).default([]),
  /** Empty where the machine has none, and in older results. */
  sensors: z.array(sensorEnergySchema).default([]),
  /** Where a server spans several machines: `devices` and all sums are of all of them then. Null: this machine was measured. */
  nodes: nodesEnergySchema.nullable().default(null),
  /** What Slurm and a node's own controller count beside llem; in no other number, and over windows of their own. */
  untrusted: z.array(untrustedEnergySchema).default([]),
  contamination: contaminationSchema,
  /** What a reader of these joules should know, equal ones of several devices as one. */
  findings: z.array(findingSchema),
  /** What made llem's own joules, by which alone they can be recomputed; null where it did not say or measured none. */
  estimator: z.string().nullable(),
  /** Of the constants that it rests on, hexadecimal. */
  constants_hash: z.string().nullable(),
  /** What went wrong beside the readings, e.g. a file that could not be written. */
  faults: z.array(z.string()),
  /** Null where there was nothing to choose: `llem exec` always uses llem's own sampler. */
  selection: selectionSchema.nullable().default(null),
  /** Null where llem's own sampler is the backend, as is `cross_check`. */
  measurement: backendMeasurementSchema.nullable().default(null),
  cross_check: crossCheckSchema.nullable().default(null),
})

export type Energy = z.infer<typeof energySchema>
/** Of a window that llem's own sampler measured. */
export type NativeEnergy = Energy & { sampler: NonNullable<Energy['sampler']> }
export type EnergyDomain = z.infer<typeof energyDomainSchema>
export type Emissions = z.infer<typeof emissionsSchema>
export type Selection = z.infer<typeof selectionSchema>
export type CrossCheck = z.infer<typeof crossCheckSchema>
export type DeviceEnergy = z.infer<typeof deviceEnergySchema>
export type SensorEnergy = z.infer<typeof sensorEnergySchema>
export type CpuEnergy = z.infer<typeof cpuEnergySchema>
export type CpuDomain = z.infer<typeof cpuDomainSchema>
export type OtherSampler = z.infer<typeof otherSamplerSchema>
export type ForeignProcess = z.infer<typeof foreignProcessSchema>
export type LimitChange = z.infer<typeof limitChangeSchema>
