// `llem run` against a server of the tests, measured by meters of several nodes.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { startPortServer } from '../backends/port-server.js'
import { within } from '../backends/processes.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { type Ended, startLlem } from '../native/llem.js'

const folder = scratchFolder()

const QUICK = ['baseline.enabled=false', 'warmup.enabled=false', 'warmup.thermal_floor_seconds=0']

export interface NodesRun {
  outputDir: string
  ended: Promise<Ended>
  pid: number | undefined
}

/** Starts it; `seconds` of inference, a token every 0.3 s. */
export async function startNodesRun(
  start: readonly (readonly string[])[] | null,
  {
    seconds = 3,
    sets = [],
    env = {},
  }: {
    seconds?: number
    sets?: readonly string[]
    env?: NodeJS.ProcessEnv
  } = {},
): Promise<NodesRun> {
  // Its own end, as the tests of a file run at once.
  const { port, end } = await startPortServer('fake-openai.mjs', ['slow'], { forAll: true })
  const outputDir = scratchFolder()
  const all = [
    ...QUICK,
    `server.base_url=http://127.0.0.1:${port}`,
    'n_prompts=1',
    'request_timeout_sec=900',
    `generation.max_tokens=${Math.ceil(seconds / 0.3)}`,
    `energy.nodes=${JSON.stringify(start === null ? {} : { start })}`,
    ...sets,
  ].flatMap((set) => ['--set', set])
  const args = ['run', '-m', 'fake', '-b', 'server', '-o', outputDir, '--simulate', '-v', ...all]
  const { child, ended } = startLlem(args, {
    env: {
      XDG_DATA_HOME: join(folder, 'data'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      NO_COLOR: '1',
      ...env,
    },
  })
  void ended.then(end)
  return { outputDir, ended, pid: child.pid }
}

/** The folder of the only run in an output folder. */
export function runDirIn(outputDir: string): string {
  const [id, ...others] = readdirSync(outputDir)
  if (id === undefined || others.length > 0)
    throw new Error(`one run expected: ${[id, ...others].join(', ')}`)
  return join(outputDir, id)
}

export function resultIn(outputDir: string): ExperimentResult {
  return JSON.parse(readFileSync(join(runDirIn(outputDir), 'result.json'), 'utf8'))
}

/** Waits until the inference runs, and answers the id of a node's meter. */
export async function meterOf(outputDir: string, name: string): Promise<number> {
  const elected = () => {
    const hidden = readdirSync(outputDir).find((each) => each.startsWith('.nodes-'))
    const folder = hidden === undefined ? [] : readdirSync(join(outputDir, hidden))
    const file = folder.find((each) => each.startsWith(`elected-${name}-`))
    const hasBegun = folder.some((each) => each.startsWith('clock-'))
    return hidden === undefined || file === undefined || !hasBegun ? null : join(outputDir, hidden, file)
  }
  if (!(await within(30_000, () => elected() !== null))) throw new Error('no meter was elected')
  return Number(readFileSync(elected() ?? '', 'utf8'))
}
