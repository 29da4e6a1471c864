// llem idle: a model's idle power in four states, what a cold start costs, and from which pause unloading pays.

import { loadExperimentConfig } from '../config/load.js'
import { configError } from '../config/problems.js'
import { chooseLibrary } from '../energy/library.js'
import { studyIdle } from '../experiment/idle-study.js'
import { IDLE_STATES, type IdleLevel, type IdleReport, type IdleState } from '../results/idle.js'
import { plain, uncertain } from '../results/uncertain.js'
import { EXIT, Exit } from './exit.js'
import { interruptible } from './interrupt.js'
import { terminalObserver } from './progress.js'
import { print, printJson, SIMULATED } from './screen.js'
import { columns } from './tables.js'

interface CliOptions {
  backend?: string
  set?: string[]
  duration?: number
  simulate?: string | boolean
  json?: boolean
  quiet?: boolean
  verbose?: boolean
}

const DURATION_S = 10

const NAMES: Readonly<Record<IdleState, string>> = {
  bare: 'bare',
  context: 'CUDA context',
  loaded: 'loaded',
  after_unload: 'after unloading',
}

/** Measures them; exit code 1 where nothing can be said of unloading because a level drifted or was not had. */
export async function idle(model: string, options: CliOptions): Promise<void> {
  const loaded = loadExperimentConfig({
    sets: options.set ?? [],
    flags: { model: { flag: 'MODEL', value: model }, backend: { flag: '-b', value: options.backend } },
    env: process.env,
  })
  if (!loaded.ok) throw configError(loaded.problems)
  const { quiet = false, verbose = false } = options
  const { libraryPath, simulated } = chooseLibrary(options.simulate)
  const observer = terminalObserver({ quiet, verbose })
  if (simulated) observer.note(SIMULATED)
  const durationS = options.duration ?? DURATION_S
  const report = await interruptible(
    (signal) => studyIdle(loaded.config, { durationS, libraryPath, observer, signal }),
    { quiet: true },
  )
  if (options.json) printJson(report)
  else print(shown(report))
  const { levels, cold_start, unloading_pays } = report
  const unsound = [levels.loaded, levels.after_unload].some(({ reason }) => reason !== null)
  if (unloading_pays.after_s === null && (unsound || cold_start.energy_j === null))
    throw new Exit(EXIT.failed)
}

function shown(report: IdleReport): string {
  const { levels } = report
  const head = ['', 'power', 'above bare', '']
  const bare = levels.bare.reason === null ? levels.bare : null
  const rows = IDLE_STATES.map((state) => row(NAMES[state], levels[state], state === 'bare' ? null : bare))
  const table = columns(head, rows, [1, 2])
  return [...(report.simulated ? [SIMULATED] : []), table, '', coldStart(report), paying(report)].join('\n')
}

function row(name: string, level: IdleLevel, bare: IdleLevel | null): string[] {
  const { power_w, uncertainty_w, reason } = level
  const above =
    power_w === null || bare?.power_w == null
      ? ''
      : uncertain(power_w - bare.power_w, together(uncertainty_w, bare.uncertainty_w), 'W')
  return [name, uncertain(power_w, uncertainty_w, 'W'), above, reason === null ? '' : reason]
}

function together(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.hypot(a, b)
}

function coldStart({ cold_start: { energy_j, uncertainty_j, seconds, reason } }: IdleReport): string {
  const time = seconds === null ? '' : ` in ${seconds.toFixed(2)} s`
  return energy_j === null
    ? `Cold start: energy unknown${time}: ${reason}`
    : `Cold start: ${uncertain(energy_j, uncertainty_j, 'J')}${time}`
}

function paying({ unloading_pays: { after_s, low_s, high_s, reason } }: IdleReport): string {
  if (after_s === null) return `Unloading pays: unknown: ${reason}`
  const ends =
    low_s === null || high_s === null ? `, ${reason}` : ` (${plain(low_s)} to ${plain(high_s)} s, k=2)`
  return `Unloading pays in pauses longer than ${Number(after_s.toPrecision(3))} s${ends}`
}
