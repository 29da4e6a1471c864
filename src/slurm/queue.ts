// What Slurm says of a campaign's tasks, in two calls at most: squeue, and sacct for what squeue no longer knows. Both as
// lines of text: every version has them, while --json needs a plugin and differs between versions.

import { shortened } from '../core/foreign-text.js'
import { callSlurm, type SlurmProgram } from './programs.js'

/** One array task. */
export interface TaskState {
  /** "PENDING", "RUNNING", "TIMEOUT", ...: the words of squeue. */
  state: string
  /** Why it waits; null where Slurm says none. */
  reason: string | null
  /** Null while it has none. */
  node: string | null
  /** Code and signal, by accounting; null where that does not tell. */
  exit: string | null
}

export interface Queue {
  /** By `taskKey`. */
  tasks: ReadonlyMap<string, TaskState>
  /** Jobs by the names of chunks, whose submission has not been written down. */
  jobsByName: ReadonlyMap<string, string>
  /** Why Slurm could not be asked; null where it could. */
  problem: string | null
}

/**
 * A task by the name of its array's job, which llem gives once: a controller that lost its latest state gives numbers to jobs
 * that others had before.
 */
export function taskKey(jobName: string, index: number): string {
  return `${jobName}/${index}`
}

/** States in which a task is still to end. */
const ALIVE =
  /^(PENDING|RUNNING|CONFIGURING|COMPLETING|SUSPENDED|STOPPED|REQUEUED|REQUEUE_HOLD|REQUEUE_FED|RESIZING|SIGNALING|STAGE_OUT|SPECIAL_EXIT)$/

export function isAlive({ state }: Pick<TaskState, 'state'>): boolean {
  return ALIVE.test(state)
}

export function isWaiting({ state }: Pick<TaskState, 'state'>): boolean {
  return /^(PENDING|REQUEUED|REQUEUE_HOLD|REQUEUE_FED|SPECIAL_EXIT)$/.test(state)
}

/** Whether a task waits until somebody releases it; Slurm's words differ, as "JobHeldUser" and "launch failed requeued held". */
export function isHeld({ state, reason }: Pick<TaskState, 'state' | 'reason'>): boolean {
  return isWaiting({ state }) && (state === 'REQUEUE_HOLD' || /\bheld\b|JobHeld/i.test(reason ?? ''))
}

export interface Asked {
  /** Jobs by their names, and how many tasks each has; `id` is null where nobody has written it down. */
  jobs: readonly { name: string; id: string | null; tasks: number }[]
  /** Where they are; none is the local one. */
  clusters: readonly string[]
  hasAccounting: boolean
  /** How long each of the two calls may take. */
  limitMs: number
}

/** Asks Slurm; never throws, as whoever only looks is told what is in the folders all the same. */
export async function askQueue({ jobs, clusters, hasAccounting, limitMs }: Asked): Promise<Queue> {
  const tasks = new Map<string, TaskState>()
  const jobsByName = new Map<string, string>()
  if (jobs.length === 0) return { tasks, jobsByName, problem: null }
  const where = clusters.length === 0 ? [] : ['--clusters', clusters.join(',')]
  const names = jobs.map(({ name }) => name).join(',')
  const asked = [
    ...where,
    ...['--noheader', '--array', '--states=all', `--name=${names}`],
    // Array job, index, state, nodes, reason, name.
    '--format=%F|%K|%T|%N|%r|%j',
  ]
  const queue = await linesOf('squeue', asked, limitMs)
  if (typeof queue === 'string') return { tasks, jobsByName, problem: queue }
  const foreign = queue.find((line) => !/^\d+\|/.test(line) && !/^CLUSTER: /.test(line))
  if (foreign !== undefined)
    return { tasks, jobsByName, problem: `squeue answered ${JSON.stringify(shortened(foreign))}` }
  for (const line of queue) {
    const [id = '', index = '', state = '', nodes = '', reason = '', name] = line.split('|')
    // --clusters puts a line with the cluster's name before.
    if (name === undefined) continue
    jobsByName.set(name, id)
    const known = { state: stateOf(state), reason: told(reason), node: told(nodes), exit: null }
    if (/^\d+$/.test(index)) tasks.set(taskKey(name, Number(index)), known)
  }
  const forgotten = jobs.filter(({ name, id, tasks: count }) => id !== null && !isKnown(tasks, name, count))
  if (!hasAccounting || forgotten.length === 0) return { tasks, jobsByName, problem: null }
  const counted = [
    ...where,
    ...['--noheader', '--parsable2', '--allocations', '--starttime=1970-01-02'],
    `--jobs=${forgotten.map(({ id }) => id).join(',')}`,
    '--format=JobID,State,NodeList,ExitCode,JobName',
  ]
  const accounts = await linesOf('sacct', counted, limitMs)
  if (typeof accounts === 'string') return { tasks, jobsByName, problem: accounts }
  for (const line of accounts) {
    const [id = '', state = '', nodes = '', exit = '', name = ''] = line.split('|')
    const index = /^\d+_(\d+)$/.exec(id)?.[1]
    if (index === undefined) continue
    const key = taskKey(name, Number(index))
    // What squeue knows is younger. A task that was requeued has lines for each time; the last one counts.
    if (!tasks.has(key) || tasks.get(key)?.exit !== null)
      tasks.set(key, { state: stateOf(state), reason: null, node: told(nodes), exit: exit || null })
  }
  return { tasks, jobsByName, problem: null }
}

function isKnown(tasks: ReadonlyMap<string, TaskState>, name: string, count: number): boolean {
  for (let index = 0; index < count; index++) if (!tasks.has(taskKey(name, index))) return false
  return true
}

async function linesOf(
  program: SlurmProgram,
  args: readonly string[],
  limitMs: number,
): Promise<string[] | string> {
  try {
    const { code, stdout, stderr } = await callSlurm(program, args, { limitMs })
    if (code !== 0) return `${program}: ${stderr.trim().split('\n')[0] ?? `exit code ${code}`}`
    return stdout.split('\n').filter((line) => line !== '')
  } catch (error) {
    return (error as Error).message
  }
}

/** "CANCELLED by 1000" of sacct, and "CANCELLED+" where it has cut a word. */
function stateOf(text: string): string {
  return (text.split(' ')[0] ?? '').replace(/\+$/, '')
}

function told(text: string): string | null {
  return text === '' || /^(None|None assigned|N\/A|\(null\))$/.test(text) ? null : text
}
