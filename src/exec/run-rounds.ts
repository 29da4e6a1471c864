// setup -> warmup rounds -> measured rounds -> cleanup. A command that fails ends it, an interruption too; what was
// measured until then is the answer.

import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { LlemError } from '../core/errors.js'
import { shortened } from '../core/foreign-text.js'
import { systemFault } from '../core/system-fault.js'
import { wasSuspended } from '../energy/findings.js'
import type { Observer, Progress } from '../progress/observer.js'
import type { ExecResult } from '../results/exec.js'
import { makeFolder, safeName, writeJsonAtomically } from '../results/files.js'
import { type GroupEnd, type GroupStreams, KeptOutput, runGroup } from '../workers/command-group.js'
import type { Command, Commands } from './commands.js'
import { measureCommand } from './measured-command.js'
import type { Meter } from './meter.js'
import { orderOfRounds } from './rounds.js'

export interface RoundsPlan extends Commands {
  runs: number
  warmup: number
  seed: number
  ignoresFailure: boolean
  showsOutput: boolean
}

export interface RoundsPlace {
  /** Null: nothing is written. */
  dir: string | null
  keepsSamples: boolean
}

/** One measured run of a command. */
export interface Run extends Omit<GroupEnd, 'signal'> {
  /** Its place among the commands, and its round from 1. */
  command: number
  round: number
  result: ExecResult
  /** The folder of its result; null where none is written. */
  folder: string | null
}

/** What ended it early. */
export interface Failure {
  error: LlemError
  stage: 'setup' | 'warmup' | 'prepare' | 'run' | 'cleanup'
  /** The place of the command; null where it is none of them. */
  command: number | null
  round: number | null
  exit_code: number | null
}

export interface Outcome {
  runs: Run[]
  /** The order of each round, by places, as far as it was planned. */
  order: number[][]
  failure: Failure | null
  wasInterrupted: boolean
}

interface Tools {
  meter: Meter
  observer: Observer
  signal: AbortSignal
}

/** Carries it out. What ends it early is in the outcome. */
export async function runRounds(plan: RoundsPlan, place: RoundsPlace, tools: Tools): Promise<Outcome> {
  const rounds = new Rounds(plan, place, tools)
  try {
    return await rounds.carryOut()
  } finally {
    rounds.close()
  }
}

/** Ends the rounds; what was measured stays. */
class Stopped extends Error {
  constructor(readonly failure: Failure | null) {
    super('stopped')
  }
}

class Rounds {
  readonly #plan: RoundsPlan
  readonly #place: RoundsPlace
  readonly #tools: Tools
  readonly #order: number[][]
  readonly #runs: Run[] = []
  readonly #dropped: string[] = []
  readonly #output = new KeptOutput()

  constructor(plan: RoundsPlan, place: RoundsPlace, tools: Tools) {
    this.#plan = plan
    this.#place = place
    this.#tools = tools
    this.#order = orderOfRounds(plan.commands.length, plan.runs, plan.seed)
  }

  async carryOut(): Promise<Outcome> {
    let failure: Failure | null = null
    try {
      for (const args of this.#plan.setup) await this.#step(args, 'setup', null)
      await this.#warmUp()
      await this.#measure()
    } catch (error) {
      failure = failureOf(error)
    }
    const untidied = await this.#cleanUp()
    failure ??= untidied
    const wasInterrupted = this.#tools.signal.aborted
    return { runs: this.#runs, order: this.#order, failure, wasInterrupted }
  }

  /** After the sampler was closed nothing is written to what was dropped. */
  close(): void {
    this.#output.close()
    this.#tools.meter.opened?.sampler.close()
    this.#tools.meter.cpu?.close()
    for (const dir of this.#dropped) rmSync(dir, { recursive: true, force: true })
  }

  async #warmUp(): Promise<void> {
    const { warmup, commands, seed } = this.#plan
    if (warmup === 0) return
    const progress = this.#progress('Warming up', warmup)
    try {
      let done = 0
      for (const order of orderOfRounds(commands.length, warmup, seed + 1))
        for (const place of order) {
          const command = commands[place] as Command
          progress.update(done++, shortened(command.name))
          await this.#prepare(command, place, null)
          const ended = await this.#run(command.args)
          if (ended.exitCode !== 0 && !this.#plan.ignoresFailure)
            throw new Stopped(this.#failure('warmup', command, { place, round: null, ended }))
        }
    } finally {
      progress.stop()
    }
  }

  async #measure(): Promise<void> {
    const { runs, commands } = this.#plan
    const progress = this.#progress('Running', runs)
    try {
      for (const [index, order] of this.#order.entries())
        for (const place of order) {
          const command = commands[place] as Command
          progress.update(this.#runs.length, `round ${index + 1}, ${shortened(command.name)}`)
          await this.#measureOne(command, place, index + 1)
        }
    } finally {
      progress.stop()
    }
  }

  #progress(label: string, rounds: number): Progress {
    const total = rounds * this.#plan.commands.length
    return this.#tools.observer.progress({ label, total, unit: 'run' })
  }

  async #measureOne(command: Command, place: number, round: number): Promise<void> {
    await this.#prepare(command, place, round)
    const { dir, keepsSamples } = this.#place
    const folder = dir === null ? null : join(dir, this.#slug(place), this.#roundName(round))
    if (folder !== null) makeFolder(folder)
    const measured = await measureCommand(this.#tools.meter, {
      command: command.args,
      runDir: folder,
      keepsSamples,
      run: () => this.#group(command.args),
    }).catch((error: unknown) => {
      if (folder !== null) this.#dropped.push(folder)
      throw asStopped(error, { stage: 'run', command: place, round, exit_code: null })
    })
    if (measured === null) {
      if (folder !== null) this.#dropped.push(folder)
      throw new Stopped(null)
    }
    const { result, ended } = measured
    const { exitCode, tookS, userS, systemS } = ended
    const run = { command: place, round, exitCode, tookS, userS, systemS, result, folder }
    if (folder !== null)
      await writeJsonAtomically(join(folder, 'result.json'), result).catch((error: unknown) => {
        // What was measured is told all the same.
        if (exitCode === 0 && !wasSuspended(result.findings)) this.#runs.push({ ...run, folder: null })
        throw error
      })
    if (ended.exitCode !== 0 && !this.#plan.ignoresFailure) {
      if (folder !== null) this.#setAside(folder, place, round)
      throw new Stopped(this.#failure('run', command, { place, round, ended }))
    }
    if (wasSuspended(result.findings)) {
      if (folder !== null) this.#setAside(folder, place, round)
      this.#tools.observer.note(
        `Round ${round}, ${shortened(command.name)}: llem was suspended while it measured, so it is measured again.`,
      )
      await this.#measureOne(command, place, round)
      return
    }
    this.#runs.push(run)
    const { energy } = result
    this.#tools.observer.detail(
      `Round ${round}, ${shortened(command.name)}: ${energy?.total_j?.toFixed(2) ?? '-'} J, ${tookS.toFixed(3)} s`,
    )
  }

  /** A run that failed or was suspended is no repetition of the others: whoever reads their folder must not meet it. */
  #setAside(folder: string, place: number, round: number): void {
    const failed = join(this.#place.dir as string, 'failed')
    mkdirSync(failed, { recursive: true })
    const name = `${this.#slug(place)}-${this.#roundName(round)}`
    const before = readdirSync(failed).filter((each) => each === name || each.startsWith(`${name}-`)).length
    renameSync(folder, join(failed, before === 0 ? name : `${name}-${before + 1}`))
  }

  #roundName(round: number): string {
    return `round-${String(round).padStart(String(this.#plan.runs).length, '0')}`
  }

  #slug(place: number): string {
    return folderNameOf(this.#plan.commands, place)
  }

  async #prepare({ prepare }: Command, place: number, round: number | null): Promise<void> {
    if (prepare !== null) await this.#step(prepare, 'prepare', { place, round })
  }

  async #cleanUp(): Promise<Failure | null> {
    // Also after an interruption, which is over for whoever tidies up.
    const signal = new AbortController().signal
    try {
      for (const args of this.#plan.cleanup) await this.#step(args, 'cleanup', null, signal)
      return null
    } catch (error) {
      return failureOf(error)
    }
  }

  /** What is not measured, and has to succeed. */
  async #step(
    args: readonly string[],
    stage: 'setup' | 'prepare' | 'cleanup',
    of: { place: number; round: number | null } | null,
    signal = this.#tools.signal,
  ): Promise<void> {
    const where = { stage, command: of?.place ?? null, round: of?.round ?? null }
    const ended = await this.#group(args, signal).catch((error: unknown) => {
      throw asStopped(error, { ...where, exit_code: null })
    })
    if (ended === null) throw new Stopped(null)
    if (ended.exitCode === 0) return
    const error = failedWith(`--${stage} ${shortened(args.join(' '))}`, ended, {
      words: this.#words(),
      goesOn: '',
    })
    throw new Stopped({ ...where, error, exit_code: ended.exitCode })
  }

  /** A run that is not measured. */
  async #run(args: readonly string[]): Promise<GroupEnd> {
    const where = { stage: 'warmup', command: null, round: null, exit_code: null } as const
    const ended = await this.#group(args).catch((error: unknown) => {
      throw asStopped(error, where)
    })
    if (ended === null) throw new Stopped(null)
    return ended
  }

  #group(args: readonly string[], signal = this.#tools.signal): Promise<GroupEnd | null> {
    this.#output.empty()
    const streams: GroupStreams = this.#plan.showsOutput
      ? { stdout: 2, stderr: 2 }
      : { stdout: 'ignore', stderr: this.#output.file }
    return runGroup(args, { ...streams, signal })
  }

  #failure(
    stage: 'warmup' | 'run',
    { name }: Command,
    { place, round, ended }: { place: number; round: number | null; ended: GroupEnd },
  ): Failure {
    const when = round === null ? 'while it was warmed up' : `in round ${round}`
    const error = failedWith(`${shortened(name)}, ${when},`, ended, {
      words: this.#words(),
      goesOn: ', and --ignore-failure goes on',
    })
    return { error, stage, command: place, round, exit_code: ended.exitCode }
  }

  /** What the last command said of its failure. */
  #words(): string {
    return this.#plan.showsOutput ? '' : this.#output.tail()
  }
}

/** "01-sleep-1": safe as a folder's name, and in the order in which the commands were typed. */
export function folderNameOf(commands: readonly Command[], place: number): string {
  const number = String(place + 1).padStart(String(commands.length).length, '0')
  return [number, safeName(commands[place]?.name ?? '')].filter((part) => part !== '').join('-')
}

function failedWith(
  what: string,
  { exitCode, signal }: GroupEnd,
  { words, goesOn }: { words: string; goesOn: string },
): LlemError {
  const how = signal === null ? `failed with exit code ${exitCode}` : `was ended by ${signal}`
  return new LlemError(`${what} ${how}${words === '' ? '.' : `:\n${words}`}`, {
    code: 'COMMAND_FAILED',
    hint: `Run it alone to see why; --show-output shows what commands print${goesOn}.`,
  })
}

/** What ended the rounds. A full disk costs none of what was measured before. Throws what is a bug. */
function failureOf(error: unknown): Failure | null {
  if (error instanceof Stopped) return error.failure
  const known = error instanceof LlemError ? error : systemFault(error)
  if (known === null) throw error
  return { error: known, stage: 'run', command: null, round: null, exit_code: null }
}

/** A command that could not be started, as what ends the rounds; anything else is a bug or a full disk. */
function asStopped(error: unknown, where: Omit<Failure, 'error'>): unknown {
  return error instanceof LlemError && error.code === 'COMMAND_NOT_STARTED'
    ? new Stopped({ ...where, error })
    : error
}
