import type { EnergyBackendName } from '../../core/energy-backends.js'
import type { PythonPackage } from '../../python/packages.js'
import type { Method } from '../../results/board.js'
import type { CpuEnergy, Emissions, Energy, EnergyDomain } from '../../results/energy.js'
import type { OpenedSampler } from '../open.js'

// registry -> kind.create -> backend.isAvailable -> startTracking -> stopTracking -> close

/** A way of measuring energy, before it is known whether it works here. A new one is a file and a line in registry.ts. */
export interface EnergyBackendKind {
  readonly name: EnergyBackendName
  /** What `llem backend install` installs for it; null where nothing has to be. */
  readonly python: PythonPackage | null
  create(surroundings: Surroundings): EnergyBackend
}

/** One way of measuring energy, for one experiment. */
export interface EnergyBackend {
  readonly name: EnergyBackendName
  /** Of the process that it measures with; undefined where that is llem itself, or none was started. */
  readonly helperPid: number | undefined
  /** Whether it can read these devices here: it has read each of them once. What it started for that stays until `close`. */
  isAvailable(): Promise<Availability>
  /** Begins a window; one at a time. Throws what its helper process ends with. */
  startTracking(): Promise<BackendWindow>
  /** Ends the window. Throws what its helper process ends with. */
  stopTracking(window: BackendWindow): Promise<EnergyMeasurement>
  /** Ends what it started; always resolves, and may be called again. */
  close(): Promise<void>
}

/** What a backend may need to know of where it runs. */
export interface Surroundings {
  /** llem's own sampler, or why there is none. */
  native: { opened: OpenedSampler; reason: null } | { opened: null; reason: string; hint: string | null }
  /** The devices to measure; null where none was found. */
  uuids: readonly string[] | null
  /** The management library that llem loads; undefined: the driver's own. */
  libraryPath: string | undefined
  /** The person's own Python interpreter; null: that of each installed backend. */
  python: string | null
  /** llem's data folder, where backends are installed. */
  dataDir: string
  options: EnergyOptions
  /** Gets each line that a helper process writes to stderr. */
  log?: ((line: string) => void) | undefined
  limits?: Partial<HelperLimits> | undefined
  /** Ends the search for devices early. */
  signal?: AbortSignal | undefined
}

/** Options of single backends; each reads its own. */
export interface EnergyOptions {
  /** Zeus: estimate windows that are shorter than a counter's tick from the power. */
  approx_instant_energy: boolean
  /** CodeCarbon: where the electricity comes from; both null: no estimate of emissions. */
  country: string | null
  intensity_gco2_kwh: number | null
}

/** How long a helper process may take, in milliseconds. */
export interface HelperLimits {
  /** To import its package. */
  helloMs: number
  /** To find the devices and read each of them. */
  openMs: number
  /** To begin or end a window. */
  edgeMs: number
}

export type Availability =
  | { available: true; versions: Record<string, string> }
  | { available: false; reason: string; hint: string | null }

/** A window that is open. */
export interface BackendWindow {
  readonly backend: EnergyBackendName
  readonly start_ns: number
}

/** What a backend measured over its own window. Joules; null is unknown. */
export interface EnergyMeasurement {
  /** What `total_j` is of; absent: the GPUs. */
  domain?: Energy['domain']
  /** Of the GPUs alone, or where there is none of what `domain` says. */
  total_j: number | null
  duration_sec: number
  /** How often it read a device; null where it does not tell. */
  samples: number | null
  /** UUID -> joules; null where only the sum is known. */
  per_gpu_j: Record<string, number> | null
  method: Method | null
  /** How far `total_j` may be off (k = 2); null where that depends on what only llem's sampler knows. */
  uncertainty_j: number | null
  window: { start_ns: number; end_ns: number }
  /** By how much the edges of the window are uncertain together, in seconds. */
  edges_s: number
  /** What is beside the GPUs, each for itself. */
  domains: EnergyDomain[]
  emissions: Emissions | null
  versions: Record<string, string>
  /** The CPU's counters, where the backend reads them itself. */
  cpu?: CpuEnergy
  /** What `total_j` rests on, where the backend says it in its own words. */
  reason?: string
}
