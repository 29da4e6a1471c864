// llem calibrate --overhead: how much slower a command is while the sampler runs.

import { overheadOf, type SettingCost } from '../calibration/overhead.js'
import { LlemError } from '../core/errors.js'
import { maskedArguments } from '../core/secrets.js'
import { chooseLibrary } from '../energy/library.js'
import { findDevices } from '../energy/open.js'
import { EXIT, Exit } from './exit.js'
import { interruptible } from './interrupt.js'
import { terminalObserver } from './progress.js'
import { print, printJson, quantity, SIMULATED, say } from './screen.js'
import { columns } from './tables.js'

export interface OverheadFlags {
  devices?: (number | string)[]
  rounds: number
  simulate?: string | boolean
  json?: boolean
  quiet?: boolean
  verbose?: boolean
}

/** Measures what the sampler costs a command. What was finished is printed even when it is interrupted. */
export async function measureOverhead(command: readonly string[], flags: OverheadFlags): Promise<void> {
  const { rounds, quiet = false, verbose = false } = flags
  if (command.length === 0) {
    throw new LlemError('There is no command to run.', {
      code: 'COMMAND_MISSING',
      hint: 'Put it after --, as in `llem calibrate --overhead -- python generate.py`.',
      kind: 'usage',
    })
  }
  const { libraryPath } = chooseLibrary(flags.simulate)
  const { machine, devices, notes } = await findDevices({ libraryPath, devices: flags.devices ?? null })
  if (!quiet) for (const note of notes) say(`Note: ${note}.`)
  const uuids = devices.map(({ uuid }) => uuid)
  const observer = terminalObserver({ quiet, verbose })
  const { settings, wasInterrupted } = await interruptible(async (signal) => {
    const options = { command, rounds, libraryPath, devices: uuids, verbose, observer, signal }
    return { settings: await overheadOf(options), wasInterrupted: signal.aborted }
  })
  if (flags.json) {
    printJson({
      kind: 'overhead',
      command: maskedArguments(command),
      rounds,
      interrupted: wasInterrupted,
      simulated: machine.simulated,
      settings,
    })
  } else {
    if (machine.simulated) say(SIMULATED)
    print(table(settings))
  }
  if (!quiet && isShort(settings)) say(SHORT)
  if (wasInterrupted) throw new Exit(EXIT.interrupted)
}

/** Half of such a command is near an edge of the window. */
const SHORT_S = 2
const SHORT =
  'Note: around the edges of a window the devices are read every 5 ms at any interval; a command of ten seconds or more tells the intervals apart.'

function isShort(settings: readonly SettingCost[]): boolean {
  return settings.some(({ median_s }) => median_s !== null && median_s < SHORT_S)
}

function table(settings: readonly SettingCost[]): string {
  const rows = settings.map((setting) => [
    setting.interval_ms === null ? 'off' : `${setting.interval_ms} ms`,
    String(setting.runs_s.length),
    quantity(setting.median_s, 's', 3),
    ...slowdownCells(setting),
    quantity(setting.sampler_cpu_pct, '%', 2),
    quantity(setting.driver_calls_per_s, '', 0),
  ])
  const head = ['sampler', 'runs', 'median', 'slowdown', '95 % interval', 'sampler CPU', 'driver calls/s']
  return columns(head, rows, [1, 2, 3, 4, 5, 6])
}

function slowdownCells({ slowdown }: SettingCost): [string, string] {
  if (slowdown === null) return ['', '']
  const { slowdown_pct, low_pct, high_pct } = slowdown
  const interval = low_pct === null || high_pct === null ? '-' : `${signed(low_pct)} to ${signed(high_pct)} %`
  return [`${signed(slowdown_pct)} %`, interval]
}

function signed(percent: number): string {
  return `${percent < 0 ? '' : '+'}${percent.toFixed(2)}`
}
