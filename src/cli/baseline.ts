// llem baseline: the idle power that is kept, measured anew, or forgotten.

import { type Baseline, baselineOf } from '../baseline/bare.js'
import { ageOf, clearBaselines, type StoredBaseline, storedBaselines } from '../baseline/cache.js'
import { loadExperimentConfig } from '../config/load.js'
import { configError } from '../config/problems.js'
import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'
import { chooseLibrary } from '../energy/library.js'
import { openSampler } from '../energy/open.js'
import type { Machine } from '../native/addon.js'
import { listDevices } from '../native/machine.js'
import { EXIT, Exit } from './exit.js'
import { interruptible } from './interrupt.js'
import { terminalObserver } from './progress.js'
import { print, printJson, quantity, SIMULATED, say } from './screen.js'
import { columns } from './tables.js'

interface ShowOptions {
  simulate?: string | boolean
  json?: boolean
}

interface MeasureOptions extends ShowOptions {
  devices?: (number | string)[]
  duration?: number
  quiet?: boolean
  verbose?: boolean
}

/** Shows what is kept, and whether `llem run` would still use it here. */
export async function showBaselines(options: ShowOptions, surplus: readonly string[]): Promise<void> {
  refuse(surplus)
  const { libraryPath } = chooseLibrary(options.simulate)
  // What is kept can be shown on a machine whose driver does not answer, too.
  const machine = await listDevices(libraryPath).catch(() => null)
  const { cache_ttl_sec } = defaults()
  const rows = (await storedBaselines()).map((stored) => ({
    ...stored,
    age_sec: ageOf(stored),
    ...validity(stored, machine, cache_ttl_sec),
  }))
  if (options.json) {
    printJson(rows.map(({ power_limit_w = null, ...row }) => ({ ...row, power_limit_w })))
    return
  }
  if (rows.length === 0) {
    say('No baseline is kept. `llem run` measures one, and `llem baseline measure` does.')
    return
  }
  const head = ['GPU', 'driver', 'limit', 'idle power', 'age', 'valid']
  print(
    columns(
      head,
      rows.map((row) => [
        row.name === null ? row.uuid : `${row.name} ${row.uuid}`,
        row.driver,
        quantity(row.power_limit_w, 'W', 0),
        quantity(row.power_w, 'W'),
        ageText(row.age_sec),
        row.valid ? 'yes' : `no: ${row.reason}`,
      ]),
      [2, 3, 4],
    ),
  )
}

/** Measures idle power anew. What was disturbed is not kept, and ends with exit code 1. */
export async function measureBaseline(options: MeasureOptions): Promise<void> {
  const { quiet = false, verbose = false } = options
  const { libraryPath } = chooseLibrary(options.simulate)
  const observer = terminalObserver({ quiet, verbose })
  const opened = await openSampler({
    devices: options.devices ?? null,
    intervalMs: 10,
    slowIntervalMs: 100,
    libraryPath,
  })
  const { simulated } = opened.machine
  const startMs = performance.now()
  const wishes = {
    durationS: options.duration ?? defaults().duration_sec,
    // Young enough is only what another process measured while this one waited for it.
    maxAgeS: () => (performance.now() - startMs) / 1000,
  }
  let baseline: Baseline
  try {
    if (!quiet) for (const note of opened.notes) say(`Note: ${note}.`)
    baseline = await interruptible((signal) => baselineOf(opened, wishes, { observer, signal, simulated }), {
      quiet: true,
    })
  } catch (error) {
    if (!(error instanceof LlemError) || error.code !== 'INTERRUPTED') throw error
    throw new LlemError('it was interrupted, and nothing is kept', {
      code: 'INTERRUPTED',
      hint: null,
      cause: error,
    })
  } finally {
    opened.sampler.close()
  }
  show(baseline, simulated, options.json ?? false)
  if (baseline.disturbances.length > 0) throw new Exit(EXIT.failed)
}

/** Forgets every baseline. */
export async function forgetBaselines({ quiet = false }: { quiet?: boolean }): Promise<void> {
  const count = await clearBaselines()
  if (!quiet) say(`${count} ${count === 1 ? 'baseline was' : 'baselines were'} removed.`)
}

function show(
  { devices, powerW, method, measuredAt, disturbances }: Baseline,
  simulated: boolean,
  json: boolean,
) {
  const kept = !simulated && disturbances.length === 0
  if (json) {
    printJson({
      kind: 'baseline',
      simulated,
      power_w: powerW,
      method,
      measured_at: measuredAt,
      disturbances,
      kept,
      devices: devices.map(({ device, powerW: power_w }) => ({
        index: device.index,
        uuid: device.uuid,
        name: device.name ?? null,
        power_w,
      })),
    })
    return
  }
  if (simulated) say(SIMULATED)
  const rows = devices.map(({ device, powerW: watts }) => [
    `GPU ${device.index}`,
    device.name ?? device.uuid,
    quantity(watts, 'W'),
  ])
  if (rows.length > 1) rows.push(['total', '', quantity(powerW, 'W')])
  print(columns(['', 'name', 'idle power'], rows, [2]))
  if (method === 'cached') say('Another llem has just measured it.')
  for (const disturbance of disturbances) say(`Warning: while idle power was measured, ${disturbance}`)
  if (!kept) say(simulated ? 'A simulated one is not kept.' : 'It is not kept.')
}

/** What `llem run` would use here, without a file and with the variables of this shell. */
function defaults(): { duration_sec: number; cache_ttl_sec: number } {
  const loaded = loadExperimentConfig({ text: 'model: none', env: process.env })
  if (!loaded.ok) throw configError(loaded.problems)
  return loaded.config.baseline
}

function validity(
  { uuid, driver, power_limit_w, ...stored }: StoredBaseline,
  machine: Machine | null,
  ttlS: number,
): { valid: boolean; reason: string | null } {
  const device = machine?.devices.find((each) => each.uuid === uuid)
  const driverNow = machine?.driverVersion ?? 'unknown'
  const limitNow = device?.powerLimitW ?? null
  const ageS = ageOf(stored)
  const reasons = [
    ageS > ttlS ? `older than ${ttlS} s` : null,
    ageS < 0 ? 'from the future' : null,
    machine !== null && device === undefined ? 'no such GPU here' : null,
    machine !== null && driver !== driverNow ? `the driver is ${driverNow} now` : null,
    device !== undefined && power_limit_w !== undefined && power_limit_w !== limitNow
      ? `the power limit is ${quantity(limitNow, 'W', 0)} now`
      : null,
  ].filter((reason) => reason !== null)
  return { valid: reasons.length === 0, reason: reasons.join(', ') || null }
}

function ageText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

/** `llem baseline` alone shows, so that a mistyped word comes here. */
function refuse([word]: readonly string[]): void {
  if (word === undefined) return
  const known = ['show', 'measure', 'clear']
  const meant = closest(word, known)
  throw new LlemError(`unknown command '${word}'.`, {
    code: 'USAGE',
    hint: `${meant === null ? '' : `Did you mean ${meant}? `}See \`llem baseline --help\`.`,
    kind: 'usage',
  })
}
