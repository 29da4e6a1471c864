import type * as Addon from '#addon'
import { LlemError, messageOf } from '../core/errors.js'
import { thisPlatform, withoutNativePart } from './platform.js'

export type {
  CallLatency,
  Claim,
  CpuReport,
  CpuZone,
  Device,
  DeviceLook,
  DevicePieces,
  DeviceReport,
  Estimator,
  GpuProcess,
  KnownDevice,
  Listened,
  LoadEdge,
  LoadFit,
  Machine,
  SensorPlace,
  SensorReport,
  Snapshot,
  UnreadableDevice,
  WindowEnd,
  WindowReport,
} from '#addon'

let loading: Promise<typeof Addon> | undefined
let containsCrashes = false

/**
 * Before the addon is loaded: a crash inside of the driver's library then costs the measurement and not this process. For
 * processes of llem's own, whose signals are nobody else's.
 */
export function containCrashes(): void {
  containsCrashes = true
}

/**
 * The addon, loaded on first use and only here. Fails with ADDON_UNAVAILABLE where there is no prebuilt binary:
 * NVML exists on Linux only.
 */
export function loadAddon(): Promise<typeof Addon> {
  loading ??= import('#addon').then(prepared, (cause: unknown) => {
    const machine = thisPlatform()
    const where = `${machine.platform}-${machine.arch}`
    throw new LlemError(
      machine.platform === 'linux'
        ? `llem's native part could not be loaded on ${where}: ${firstSentence(messageOf(cause))}.`
        : `llem measures through NVML, which is not there on ${where}.`,
      { code: 'ADDON_UNAVAILABLE', hint: withoutNativePart(machine), cause },
    )
  })
  return loading
}

function prepared(addon: typeof Addon): typeof Addon {
  if (containsCrashes) addon.containCrashes()
  return addon
}

/** Turns an error of the addon, which has a code and no advice, into one that says what to do next. */
export function asLlemError(error: unknown): LlemError {
  if (error instanceof LlemError) return error
  const code = (error as { code?: unknown } | null)?.code
  const known = typeof code === 'string' && code in ADVICE ? code : 'ADDON_FAILED'
  return new LlemError(sentence(messageOf(error)), {
    code: known,
    hint: ADVICE[known] ?? null,
    kind: known === 'GPU_NOT_FOUND' || known === 'SAMPLER_OPTION_INVALID' ? 'usage' : 'runtime',
    cause: error,
  })
}

const ADVICE: Record<string, string | null> = {
  NVML_NOT_FOUND:
    'Install the NVIDIA driver, or add --simulate to try llem with a simulated GPU. In a container, start it with --gpus all.',
  NVML_INIT_FAILED: 'Check that `nvidia-smi` works for this user.',
  NVML_SILENT:
    'Check whether `nvidia-smi` answers. Where a driver takes long to start, set LLEM_DRIVER_PATIENCE_S to more seconds, or turn persistence mode on.',
  NVML_CRASHED:
    "Check whether `nvidia-smi` works, and whether driver and library are of one version; without the library's help nothing can be measured.",
  NVML_QUERY_FAILED: 'Check that `nvidia-smi` works for this user.',
  GPU_NOT_FOUND: 'List the GPUs with `llem devices`.',
  GPU_POWER_UNSUPPORTED: 'This GPU has no power sensor that llem can read; choose another with --devices.',
  SAMPLER_OPTION_INVALID: 'Choose an interval from 1 to 5000 ms.',
  SAMPLER_THREAD_FAILED: 'The machine has no room for another thread; check `ulimit -u`.',
  SAMPLER_CLOSED: null,
}

function firstSentence(text: string): string {
  return text.split(/\.?(?:\s|$)(?=[A-Z]|npm|$)/)[0] ?? text
}

function sentence(text: string): string {
  // A name such as interval_ms stays what it is.
  const capital = /^\w+_/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1)
  return capital.endsWith('.') ? capital : `${capital}.`
}
