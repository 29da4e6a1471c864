// One run of a command: window begins -> the command runs -> window ends -> what result.json holds. Where nothing can be
// measured, the command runs all the same.

import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { messageOf } from '../core/errors.js'
import { maskedArguments } from '../core/secrets.js'
import { findingsElsewhere, watchElsewhere } from '../energy/elsewhere.js'
import { findingsOfExternal } from '../energy/external/layers.js'
import type { ExternalWindows } from '../energy/external/open.js'
import { beginCpuWindow, type CpuEnergyWindow } from '../energy/rapl-energy.js'
import { beginEnergyWindow, type EnergyWindow } from '../energy/window.js'
import type { WindowFiles } from '../native/sampler.js'
import type { Energy } from '../results/energy.js'
import type { ExecResult } from '../results/exec.js'
import { SCHEMA_VERSION } from '../results/experiment.js'
import type { Meter } from './meter.js'

/** How a command ended. */
interface CommandEnd {
  exitCode: number
  signal: NodeJS.Signals | null
}

/** What is to be measured, and where its files go. */
export interface MeasuredRun<End> {
  command: readonly string[]
  /** Null: no files. */
  runDir: string | null
  keepsSamples: boolean
  /** Null: it was interrupted, and there is nothing to measure. */
  run: () => Promise<End | null>
}

/** Measures one run; null where it was interrupted. The window and its files are dropped then, and where `run` throws. */
export async function measureCommand<End extends CommandEnd>(
  meter: Meter,
  { command, runDir, keepsSamples, run }: MeasuredRun<End>,
): Promise<{ result: ExecResult; ended: End } | null> {
  const { opened, claims, external, why, libraryPath, simulated } = meter
  const files = runDir === null ? {} : filesIn(runDir, keepsSamples)
  const window = beginWindow(meter, files)
  const outside = window === null ? null : (external?.begin(window.startNs, runDir) ?? null)
  const elsewhere = opened === null ? null : watchElsewhere(opened, libraryPath)
  const drop = () => {
    window?.cancel()
    outside?.cancel()
    void elsewhere?.()
  }
  const ended = await run().catch((error: unknown) => {
    drop()
    throw error
  })
  if (ended === null) {
    drop()
    return null
  }
  const { energy, reason } =
    window === null ? { energy: null, reason: why } : await endWindow(window, outside)
  const seen = (await elsewhere?.()) ?? []
  const measured = opened?.devices.map(({ index }) => index) ?? []
  const result: ExecResult = {
    schema_version: SCHEMA_VERSION,
    kind: 'exec',
    command: maskedArguments(command),
    exit_code: ended.exitCode,
    signal: ended.signal,
    duration_sec: energy?.duration_sec ?? null,
    simulated,
    energy,
    energy_reason: reason,
    findings: [
      ...(energy?.findings ?? []),
      ...(claims?.findings() ?? []),
      ...findingsElsewhere(seen, measured),
    ],
    timeseries_path: ifWritten(files.timeseriesPath),
    samples_path: ifWritten(files.samplesPath),
  }
  return { result, ended }
}

/** Opens a window now; null where nothing measures. The CPU's leaves no files. */
function beginWindow({ opened, cpu, why }: Meter, files: WindowFiles): EnergyWindow | CpuEnergyWindow | null {
  if (opened !== null) return beginEnergyWindow(opened, files)
  return cpu === null ? null : beginCpuWindow(cpu, why)
}

function filesIn(runDir: string, keepsSamples: boolean): WindowFiles {
  return {
    timeseriesPath: join(runDir, 'timeseries.parquet'),
    samplesPath: keepsSamples ? join(runDir, 'samples.parquet') : undefined,
  }
}

/** Relative to the run's folder. A file that could not be written is a fault of the energy, and no path. */
function ifWritten(path: string | undefined): string | null {
  return path !== undefined && existsSync(path) ? basename(path) : null
}

/** The command has run already: whatever goes wrong now must not hide its exit code. */
async function endWindow(
  window: EnergyWindow | CpuEnergyWindow,
  outside: ExternalWindows | null,
): Promise<{ energy: Energy | null; reason: string | null }> {
  try {
    const [energy, external] = await Promise.all([window.end(), outside?.end() ?? []])
    const whole = { ...energy, external }
    return {
      energy: { ...whole, findings: [...energy.findings, ...findingsOfExternal(whole)] },
      reason: null,
    }
  } catch (error) {
    return { energy: null, reason: messageOf(error) }
  }
}
