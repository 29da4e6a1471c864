// `llem run` on a tiny model, in folders of its own.

import type { ChildProcess } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll } from 'vitest'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { isRunning, within } from '../backends/processes.js'
import { quickDataDir, quickLlamacpp } from '../backends/quick-llamacpp.js'
import { scratchFolder, tinyModel } from '../backends/tiny-model.js'
import { type Ended, startLlem } from '../native/llem.js'

const folder = scratchFolder()
/** An installed llamacpp and an empty cache: nothing of the home of whoever runs the tests. */
export const HOME = {
  XDG_DATA_HOME: join(folder, 'data'),
  XDG_CACHE_HOME: join(folder, 'cache'),
  NO_COLOR: '1',
}
export const model = tinyModel(folder, 'tiny')

beforeAll(async () => {
  await quickLlamacpp()
  mkdirSync(HOME.XDG_DATA_HOME)
  symlinkSync(quickDataDir, join(HOME.XDG_DATA_HOME, 'llem'))
}, 180_000)

/** Without the waits: 2 threads of llama.cpp on 2 busy cores crawl, and the baseline takes 5 s at least. */
const QUICK = [
  'llamacpp.threads=1',
  'llamacpp.context_size=512',
  'baseline.enabled=false',
  'warmup.max_prompts=5',
  'warmup.thermal_floor_seconds=0',
]
/** About a minute of inference, for a test that ends it early. */
export const LONG = ['generation.max_tokens=400', 'generation.ignore_eos=true', 'n_prompts=1000']

export interface RunUnderTest {
  child: ChildProcess
  ended: Promise<Ended>
  outputDir: string
  /** Resolves once stderr has this text; fails when llem ends before. */
  says(text: string): Promise<void>
}

/** Starts `llem run` on the tiny model; later settings win. */
export function startRun(
  args: readonly string[] = [],
  sets: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): RunUnderTest {
  const outputDir = scratchFolder()
  const all = [...QUICK, ...sets].flatMap((set) => ['--set', set])
  const { child, ended } = startLlem(['run', '-m', model, '-o', outputDir, ...all, ...args], {
    env: { ...HOME, ...env },
  })
  let stderr = ''
  child.stderr?.on('data', (text: string) => {
    stderr += text
  })
  const says = async (text: string) => {
    const said = await within(30_000, () => stderr.includes(text) || child.exitCode !== null)
    if (!said || !stderr.includes(text)) throw new Error(`llem did not say ${text}, but: ${stderr}`)
  }
  return { child, ended, outputDir, says }
}

/** Runs it to the end. */
export async function run(
  args: readonly string[] = [],
  sets: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended & { outputDir: string }> {
  const { ended, outputDir } = startRun(args, sets, env)
  return { ...(await ended), outputDir }
}

/** The files of each experiment in an output folder: folder name -> sorted file names. */
export function filesIn(outputDir: string): string[][] {
  return readdirSync(outputDir).map((id) => readdirSync(join(outputDir, id)).sort())
}

/** The path of a file of the only experiment in an output folder. */
export function pathIn(outputDir: string, name: string): string {
  const [id, ...others] = readdirSync(outputDir)
  if (id === undefined || others.length > 0) throw new Error(`one experiment expected, not ${others.length}`)
  return join(outputDir, id, name)
}

export function jsonIn(outputDir: string, name: string) {
  return JSON.parse(readFileSync(pathIn(outputDir, name), 'utf8'))
}

export function resultIn(outputDir: string): ExperimentResult {
  return jsonIn(outputDir, 'result.json')
}

/** Waits until so many requests were measured. */
export async function measured(outputDir: string, requests: number): Promise<void> {
  const enough = () => {
    try {
      return readFileSync(pathIn(outputDir, 'requests.jsonl'), 'utf8').split('\n').length > requests
    } catch {
      return false
    }
  }
  if (!(await within(30_000, enough))) throw new Error(`${requests} requests were not measured in time`)
}

/** The processes that a process started, of every thread. */
export function childrenOf(pid: number | undefined): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
      return text.split(/\s+/).filter(Boolean).map(Number)
    } catch {
      // The thread has ended meanwhile.
      return []
    }
  })
}

/** The one worker of a running llem. */
export function workerOf(child: ChildProcess): number {
  const [worker, ...others] = childrenOf(child.pid)
  if (worker === undefined || others.length > 0) throw new Error('one worker expected')
  if (!isRunning(worker)) throw new Error('the worker does not run')
  return worker
}
