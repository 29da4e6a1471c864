// llem exec: sampler opens -> window begins -> the command runs -> window ends -> result. Where nothing can be measured,
// the command runs all the same.

import { existsSync, rmdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import { maskedArguments } from '../core/secrets.js'
import { findingsElsewhere, watchElsewhere } from '../energy/elsewhere.js'
import { chooseLibrary } from '../energy/library.js'
import { type OpenedSampler, openSampler } from '../energy/open.js'
import { beginEnergyWindow, type EnergyWindow } from '../energy/window.js'
import type { WindowFiles } from '../native/sampler.js'
import type { NativeEnergy } from '../results/energy.js'
import type { ExecResult } from '../results/exec.js'
import { SCHEMA_VERSION } from '../results/experiment.js'
import { createRunDir, newExperimentId, prepareOutputDir, writeJsonAtomically } from '../results/files.js'
import { runCommand } from './command.js'
import { Exit } from './exit.js'
import { requireEnergy } from './require-energy.js'
import { printJson, say } from './screen.js'
import { execLines } from './show-exec.js'

interface ExecOptions {
  intervalMs: number
  devices?: (number | string)[]
  outputDir?: string
  /** Whether samples.parquet is kept; by default it is, where there is a folder. */
  fullRate?: boolean
  requireEnergy?: boolean
  tickLocked?: boolean
  simulate?: string | boolean
  json?: boolean
  quiet?: boolean
  verbose?: boolean
}

/**
 * Measures a command. Always ends with its exit code, but for one that could not be started and, with --require-energy, a
 * measurement that was lost.
 */
export async function exec(args: readonly string[], options: ExecOptions): Promise<void> {
  if (options.fullRate && options.outputDir === undefined)
    throw new LlemError('--full-rate has no folder to write samples.parquet to', {
      code: 'USAGE',
      hint: 'Name one, as in `llem exec -o results --full-rate -- COMMAND`.',
      kind: 'usage',
    })
  const outputDir = options.outputDir === undefined ? null : prepareOutputDir(options.outputDir)
  const { libraryPath, simulated } = chooseLibrary(options.simulate)
  const { opened, why } = await openOrSay(options, libraryPath)
  try {
    if (!options.quiet) for (const note of opened?.notes ?? []) say(`Note: ${note}.`)
    await opened?.sampler.ready()
    const runDir = outputDir === null ? null : createRunDir(outputDir, newExperimentId('exec'))
    const files = runDir === null ? {} : filesIn(runDir, options.fullRate ?? true)
    const window = opened === null ? null : beginEnergyWindow(opened, files)
    const elsewhere = opened === null ? null : watchElsewhere(opened, libraryPath)
    const ended = await runCommand(args, { stdoutToStderr: options.json ?? false }).catch(
      (error: unknown) => {
        // Closing drops the window and its files, so that nothing of a run that was none stays behind.
        opened?.sampler.close()
        void elsewhere?.()
        if (runDir !== null) removed(runDir)
        throw error
      },
    )
    const { energy, reason } = window === null ? { energy: null, reason: why } : await endWindow(window)
    const seen = (await elsewhere?.()) ?? []
    const measured = opened?.devices.map(({ index }) => index) ?? []
    const result: ExecResult = {
      schema_version: SCHEMA_VERSION,
      kind: 'exec',
      command: maskedArguments(args),
      exit_code: ended.exitCode,
      signal: ended.signal,
      duration_sec: energy?.duration_sec ?? null,
      simulated: opened?.machine.simulated ?? simulated,
      energy,
      energy_reason: reason,
      findings: [...(energy?.findings ?? []), ...findingsElsewhere(seen, measured)],
      timeseries_path: ifWritten(files.timeseriesPath),
      samples_path: ifWritten(files.samplesPath),
    }
    if (runDir !== null) await writeResult(join(runDir, 'result.json'), result)
    if (options.json) printJson({ ...result, result_dir: runDir })
    else if (!options.quiet) say(execLines(result, runDir, options.verbose ?? false).join('\n'))
    if (options.requireEnergy) requireEnergy(energy?.total_j ?? null, reason ?? energy?.reason ?? null)
    throw new Exit(ended.exitCode)
  } finally {
    opened?.sampler.close()
  }
}

/** The sampler, or why nothing can be measured here. Throws where the person asked for what cannot be had. */
async function openOrSay(
  options: ExecOptions,
  libraryPath: string | undefined,
): Promise<{ opened: OpenedSampler; why: null } | { opened: null; why: string }> {
  try {
    const opened = await openSampler({
      devices: options.devices ?? null,
      intervalMs: options.intervalMs,
      slowIntervalMs: 100,
      tickLocked: options.tickLocked ?? false,
      libraryPath,
    })
    return { opened, why: null }
  } catch (error) {
    const wasAsked = options.devices !== undefined || options.requireEnergy
    if (wasAsked || !(error instanceof LlemError) || error.kind === 'usage') throw error
    return { opened: null, why: [error.message, error.hint].filter((part) => part !== null).join(' ') }
  }
}

/** An empty folder that stays says less than why the command did not start. */
function removed(dir: string): void {
  try {
    rmdirSync(dir)
  } catch {
    // It is told by its emptiness.
  }
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
  window: EnergyWindow,
): Promise<{ energy: NativeEnergy | null; reason: string | null }> {
  try {
    return { energy: await window.end(), reason: null }
  } catch (error) {
    return { energy: null, reason: messageOf(error) }
  }
}

async function writeResult(path: string, result: unknown): Promise<void> {
  try {
    await writeJsonAtomically(path, result)
  } catch (error) {
    say(`llem: ${messageOf(error)} ${error instanceof LlemError ? (error.hint ?? '') : ''}`.trimEnd())
  }
}
