// A campaign of one model on two servers, of which the slow one takes six times the time, and so the energy, for each token: so much that
// no machine is so busy as to hide it.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startPortServer } from '../backends/port-server.js'
import { type Ended, llem } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder } from '../native/scenario.js'

/** Milliseconds for each token. */
const FAST_MS = 20
const SLOW_MS = 120
export const TRUE_RATIO = SLOW_MS / FAST_MS

export interface TwoServers {
  /** The campaign's folder, of which both experiments are. */
  dir: string
  fast: string
  slow: string
  env: NodeJS.ProcessEnv
  /** `llem` with the folders of this campaign. */
  run(...args: string[]): Promise<Ended>
  /** The same campaign as a new one, with other keys of `execution`, which is not run yet. */
  another(execution: string): { dir(): string; run(...options: string[]): Promise<Ended> }
  end(): void
}

export async function measuredServers(execution = 'cycles: 3'): Promise<TwoServers> {
  const servers = await Promise.all(
    [FAST_MS, SLOW_MS].map((ms) =>
      startPortServer('../backends/straggling-server.mjs', ['1000000', String(ms), '1'], { forAll: true }),
    ),
  )
  const folder = scratchFolder()
  const env = { XDG_CACHE_HOME: join(folder, 'cache'), XDG_DATA_HOME: join(folder, 'data'), NO_COLOR: '1' }
  const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])])
  const run = (...args: string[]) => llem(args, { env, cwd: folder })
  let campaigns = 0
  const another = (keys: string) => {
    const results = join(folder, `results-${++campaigns}`)
    const path = join(folder, `campaign-${campaigns}.yaml`)
    writeFileSync(path, campaignText(servers, keys, results))
    return {
      dir: () => join(results, String(readdirSync(results)[0])),
      run: (...options: string[]) => run('campaign', path, '--yes', '-q', '--simulate', scenario, ...options),
    }
  }
  const first = another(execution)
  const { code, stderr } = await first.run()
  if (code !== 0) throw new Error(`the campaign exited with ${code}: ${stderr}`)
  const dir = first.dir()
  const plan = JSON.parse(readFileSync(join(dir, 'plan.json'), 'utf8'))
  const [fast, slow] = plan.experiments.map(({ name }: { name: string }) => name)
  return { dir, fast, slow, env, run, another, end: () => servers.map((server) => server.end()) }
}

function campaignText(servers: readonly { port: number }[], execution: string, results: string): string {
  const [fast, slow] = servers.map(({ port }) => `http://127.0.0.1:${port}`)
  return `campaign_name: two servers
model: steady
backend: server
n_prompts: 4
load: { concurrency: 4 }
generation: { max_tokens: 40 }
baseline: { enabled: false }
warmup: { enabled: false }
server: { base_url: "${fast}" }
experiments: [{}, { server: { base_url: "${slow}" } }]
execution: { config_gap_seconds: 0, cycle_gap_seconds: 0, ${execution} }
health_check: { enabled: false }
io: { results_dir: ${results} }
`
}
