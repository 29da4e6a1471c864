// What starts the meters: srun within a Slurm job, or whatever else starts a command on each node.

import { fileURLToPath } from 'node:url'
import { LlemError } from '../core/errors.js'
import type { NodeRole } from '../core/node-roles.js'
import { printable } from '../core/printable.js'
import { guarded } from '../workers/guarded.js'
import { WorkerProcess } from '../workers/worker-process.js'

/** Which meters there must be, and what starts them. */
export interface NodesPlan {
  /** Programs and their arguments, to which the meter's own are added. */
  start: string[][]
  env: NodeJS.ProcessEnv
  count: number
  /** Each of the programs starts the meter of one node. */
  isOneEach: boolean
  gpusPerNode: number | null
  roles: Record<string, NodeRole>
  startTimeoutS: number
}

interface Wish {
  start: string[][] | null
  count: number | null
  gpus_per_node: number | null
  roles: Record<string, NodeRole>
  start_timeout_sec: number
}

/** Of a batch step: they would make a step of one task on each node get the GPUs or processors of a task alone. */
const OF_TASKS = [
  'SLURM_GPUS_PER_TASK',
  'SLURM_TRES_PER_TASK',
  'SLURM_GPUS_PER_SOCKET',
  'SLURM_GPU_BIND',
  'SLURM_CPUS_PER_TASK',
  'SLURM_NTASKS_PER_GPU',
  'SLURM_NTASKS',
  'SLURM_NPROCS',
  'SLURM_DISTRIBUTION',
  'SLURM_EXACT',
] as const

/**
 * One meter on each node, beside what computes there: the step overlaps it (--overlap), and when one meter fails the others go on
 * (--kill-on-bad-exit=0, --wait=0).
 */
export function srunOf(count: number): string[] {
  return [
    'srun',
    '--overlap',
    `--nodes=${count}`,
    `--ntasks=${count}`,
    '--ntasks-per-node=1',
    '--cpus-per-task=1',
    '--kill-on-bad-exit=0',
    '--wait=0',
    '--input=none',
    '--export=ALL',
    '--job-name=llem-meter',
  ]
}

/** Throws NODES_NOT_NAMED where nobody says what starts the meters. */
export function planOf(wish: Wish, env: NodeJS.ProcessEnv): NodesPlan {
  const said = env.SLURM_JOB_NUM_NODES ?? env.SLURM_NNODES
  const nodesOfJob =
    env.SLURM_JOB_ID && Number(said) > 0 && Number.isInteger(Number(said)) ? Number(said) : null
  const count = wish.count ?? nodesOfJob ?? wish.start?.length ?? null
  if (count === null || (wish.start === null && !env.SLURM_JOB_ID)) throw notNamed(env, said)
  return {
    start: wish.start ?? [srunOf(count)],
    env: wish.start === null ? withoutTasks(env) : env,
    count,
    isOneEach: wish.start?.length === count,
    gpusPerNode: wish.gpus_per_node,
    roles: wish.roles,
    startTimeoutS: wish.start_timeout_sec,
  }
}

function notNamed(env: NodeJS.ProcessEnv, said: string | undefined): LlemError {
  const why = env.SLURM_JOB_ID
    ? `Slurm does not tell how many nodes the job ${env.SLURM_JOB_ID} has (SLURM_JOB_NUM_NODES=${said ?? ''})`
    : 'this is no Slurm job'
  return new LlemError(`energy.nodes names no command that starts the meters, and ${why}.`, {
    code: 'NODES_NOT_NAMED',
    hint: env.SLURM_JOB_ID
      ? 'Write energy.nodes.count, or energy.nodes.start, as in [[ssh, node01], [ssh, node02]].'
      : 'Write energy.nodes.start, as in [[ssh, node01], [ssh, node02]], or run within sbatch or salloc.',
    kind: 'usage',
  })
}

function withoutTasks(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OF_TASKS.some((each) => each === name)))
}

/** A path that is the same text to a program and to a shell: ssh makes one line of what it is given. */
const PLAIN = /^[A-Za-z0-9_./:@%+,=-]+$/

/** `llem meter node --dir DIR` as this llem would start it. Throws NODES_FOLDER_INVALID. */
export function meterCommand(dir: string): string[] {
  const words = [process.execPath, fileURLToPath(new URL('../../bin/llem.js', import.meta.url))]
  const command = [...words, 'meter', 'node', '--dir', dir]
  const odd = command.find((each) => !PLAIN.test(each))
  if (odd !== undefined)
    throw new LlemError(`The meters of energy.nodes cannot be started with the path ${odd}.`, {
      code: 'NODES_FOLDER_INVALID',
      hint: 'What starts a command on another machine may read it as a shell does: use a folder without blanks, quotes and the like.',
      kind: 'usage',
    })
  return command
}

const LAST_LINES = 4
/** What has started a meter and is over: the meter may be on its way for so long. */
const ON_ITS_WAY_MS = 10_000

interface Ended {
  exitCode: number | null
  text: string
  atMs: number
}

const MOST_LETTERS = 60

function startedBy(words: readonly string[]): string {
  const text = printable(words.join(' '))
  return `what starts them (${text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text})`
}

/** The commands, running. They end when llem does, however that ends. */
export class Starters {
  readonly #processes: WorkerProcess[]
  readonly #ends: Ended[] = []
  readonly #isOneEach: boolean

  constructor({ start, env, isOneEach }: NodesPlan, dir: string, log: (line: string) => void) {
    const meter = meterCommand(dir)
    this.#isOneEach = isOneEach
    this.#processes = start.map((words) => {
      const process = new WorkerProcess(
        { ...guarded([...words, ...meter]), env },
        { onLine: log, onGarbled: () => undefined, log },
      )
      void process.ended.then(({ exitCode, what }) =>
        this.#ends.push({ exitCode, text: `${startedBy(words)} ${what}`, atMs: performance.now() }),
      )
      return process
    })
  }

  /** Why no further meter will come: one of them failed or left none, or all have ended; null while one may. */
  get over(): string | null {
    const failed = this.#ends.find(({ exitCode }) => exitCode !== 0)
    if (failed !== undefined) return failed.text
    if (this.#ends.length === this.#processes.length) return this.ended
    const now = performance.now()
    return this.#isOneEach && this.#ends.some(({ atMs }) => now - atMs > ON_ITS_WAY_MS) ? this.ended : null
  }

  /** How those ended that have; empty where none has. */
  get ended(): string {
    return this.#ends.map(({ text }) => text).join('; ')
  }

  /** What they wrote last, for a hint. */
  get lastWords(): string {
    return this.#processes.flatMap(({ stderr }) => stderr.lastLines(LAST_LINES) ?? []).join(' | ')
  }

  /** Always resolves. */
  async end(graceMs: number): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.end(graceMs)))
  }
}
