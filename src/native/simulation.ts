import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LlemError, messageOf } from '../core/errors.js'
import { packageFor, thisPlatform, withoutNativePart } from './platform.js'
import { SCENARIO_HINT, scenarioFile } from './scenarios.js'

/** The variable through which the simulated library learns its scenario. */
const SCENARIO_VARIABLE = 'LLEM_NVML_SIM'

/** The library that was found, to know it again. */
let foundLibrary: string | undefined

/**
 * Turns the simulated GPU on for this process and what it starts.
 *
 * @param scenario path of a scenario file, or the name of one that llem brings (see `namedScenarios`); without it the
 *   built-in one-GPU scenario, or the one that LLEM_NVML_SIM already names.
 * @returns the path of the simulated libnvidia-ml.so.1
 */
export function simulate(scenario?: string): string {
  if (scenario !== undefined) {
    const path = scenarioFile(scenario)
    checkReadable(path)
    process.env[SCENARIO_VARIABLE] = resolve(path)
  }
  foundLibrary = simulatedLibrary()
  return foundLibrary
}

/** The library checks what the file says, and says what is wrong with it and where. */
function checkReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK)
  } catch (cause) {
    throw new LlemError(`The scenario ${path} cannot be read: ${messageOf(cause)}.`, {
      code: 'SCENARIO_UNREADABLE',
      hint: SCENARIO_HINT,
      kind: 'usage',
      cause,
    })
  }
}

/** Path of a copy with a beginning -> the text that it is a copy of. */
const originals = new Map<string, string>()

/**
 * Gives the scenario of this process a beginning: now, unless it has one. Another process that loads the simulated
 * library then sees the same signal; otherwise it would begin there with that process. Nothing may be open. What the
 * scenario says is in a copy, in a temporary folder that goes with this process.
 */
export function shareSimulation(): void {
  const path = process.env[SCENARIO_VARIABLE]
  if (path !== undefined && originals.has(path)) return
  const text = scenarioText()
  const scenario = path === undefined ? {} : (JSON.parse(text) as Record<string, unknown>)
  if (scenario.epoch_monotonic_ns !== undefined) return
  const folder = mkdtempSync(join(tmpdir(), 'llem-scenario-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const copy = join(folder, 'scenario.json')
  // libuv's clock is CLOCK_MONOTONIC too.
  writeFileSync(copy, JSON.stringify({ ...scenario, epoch_monotonic_ns: Number(process.hrtime.bigint()) }))
  originals.set(copy, text)
  process.env[SCENARIO_VARIABLE] = copy
}

/** The scenario of this process, to know its GPUs again; what cannot be read is told apart by its path. */
export function scenarioText(): string {
  const path = process.env[SCENARIO_VARIABLE]
  if (path === undefined) return 'built-in'
  const original = originals.get(path)
  if (original !== undefined) return original
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return path
  }
}

/** What a refused start of the simulated library means: it has said on stderr what is wrong, and where. */
export function scenarioRefused(cause: unknown): LlemError {
  const scenario = process.env[SCENARIO_VARIABLE] ?? 'built-in scenario'
  return new LlemError(
    `The scenario ${scenario} is not valid: the line of nvml-sim above says what is wrong and where.`,
    {
      code: 'SCENARIO_INVALID',
      hint: 'Mend the file, or use --simulate alone for the built-in scenario.',
      kind: 'usage',
      cause,
    },
  )
}

/** Whether a library path is the simulated one. */
export function isSimulated(libraryPath: string | undefined): boolean {
  return libraryPath !== undefined && libraryPath === foundLibrary
}

function simulatedLibrary(): string {
  const built = fileURLToPath(import.meta.resolve('#simulated-nvml'))
  if (existsSync(built)) return built
  const machine = thisPlatform()
  const packaged = packageFor(machine)
  try {
    if (packaged === null) throw new Error('none is made for this machine')
    const manifest = createRequire(import.meta.url).resolve(`${packaged}/package.json`)
    const library = join(manifest, '..', 'sim', 'libnvidia-ml.so.1')
    if (existsSync(library)) return library
  } catch {
    // Not installed: the error below says so.
  }
  throw new LlemError('The simulated GPU is not part of this installation.', {
    code: 'SIMULATION_UNAVAILABLE',
    hint: withoutNativePart(machine),
  })
}
