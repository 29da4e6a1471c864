// What a daemon must know when it is started again: when its first round began, and what became of the last ones.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { MISSED_ROUNDS } from '../config/schema-daemon.js'
import { writeJsonAtomically } from '../results/files.js'
import { DAEMON_FILE } from './records.js'

/** Older rounds are told by their runs alone, so that the file does not grow without end. */
export const LATEST_ROUNDS = 100

const roundSchema = z.object({
  round: z.number().int(),
  scheduled_at: z.string(),
  /** Null where it was killed in that very moment. */
  started_at: z.string().nullable(),
  /** Null while it runs, and of one that was interrupted. */
  completed_at: z.string().nullable(),
  state: z.enum(['running', 'completed', 'paused', 'failed', 'interrupted']),
  /** Why it was paused or failed. */
  reason: z.string().nullable(),
  /** Starts that passed before it and got no round. */
  missed_before: z.number().int(),
})
export type Round = z.infer<typeof roundSchema>

const daemonSchema = z.object({
  daemon_version: z.literal(1),
  state: z.enum(['waiting', 'running', 'interrupted', 'ended']),
  at: z.string().nullable(),
  time_zone: z.string(),
  interval: z.string().nullable(),
  total_duration: z.string().nullable(),
  missed_rounds: z.enum(MISSED_ROUNDS),
  /** The first start, from which all others are counted. */
  first_at: z.string(),
  /** No round begins then or later; null: for ever. */
  ends_at: z.string().nullable(),
  /** The start that is waited for; null where none is. */
  next_at: z.string().nullable(),
  /** The round that begins then. */
  next_round: z.number().int().nullable(),
  /** Rounds since `first_at`; `rounds` counts on from those before. */
  rounds_begun: z.number().int(),
  rounds_missed: z.number().int(),
  /** The latest 100. */
  rounds: z.array(roundSchema),
})
export type DaemonState = z.infer<typeof daemonSchema>

/** The daemon of a campaign's folder; null where there is none, or none that can be read. */
export function readDaemon(dir: string): DaemonState | null {
  const path = join(dir, DAEMON_FILE)
  if (!existsSync(path)) return null
  try {
    return daemonSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}

/** Replaces the file of a daemon, one state after the other. */
export class DaemonFile {
  readonly #path: string
  readonly #onProblem: (error: unknown) => void
  #writing: Promise<void> = Promise.resolve()

  /** A disk that is full must not end a daemon, so what goes wrong is only told. */
  constructor(dir: string, onProblem: (error: unknown) => void) {
    this.#path = join(dir, DAEMON_FILE)
    this.#onProblem = onProblem
  }

  /** Resolves when this state, as it is now, or a later one is on the disk. Never rejects. */
  write(state: DaemonState): Promise<void> {
    const content = structuredClone(state)
    this.#writing = this.#writing
      .then(() => writeJsonAtomically(this.#path, content))
      .catch((error: unknown) => this.#onProblem(error))
    return this.#writing
  }
}
