// `llem campaign` over a simulated GPU and a tiny model, in folders of its own.

import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../../dist/campaign/manifest.js'
import { within } from '../backends/processes.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { HOME, model } from '../cli/experiment.js'
import { type Ended, llem, startLlem } from '../native/llem.js'

/** A campaign of so many short experiments, without waits. `extra` is more YAML at the top level. */
export function shortCampaign(experiments: number, execution = 'cycles: 1', extra = ''): string {
  const tokens = Array.from({ length: experiments }, (_, index) => index + 4)
  return `campaign_name: short
model: ${model}
n_prompts: 2
llamacpp: { threads: 1, context_size: 256 }
baseline: { enabled: false }
warmup: { enabled: false }
generation: { ignore_eos: true }
grid: { shared: { generation.max_tokens: [${tokens.join(', ')}] } }
execution: { config_gap_seconds: 0, cycle_gap_seconds: 0, ${execution} }
${extra}
`
}

export interface CampaignUnderTest {
  resultsDir: string
  start(...args: string[]): { child: ChildProcess; ended: Promise<Ended> }
  run(...args: string[]): Promise<Ended>
  /** The folder of the campaign; fails when there is none, or more than one. */
  dir(): string
  status(): Promise<Manifest>
  rewrite(text: string): void
}

export function campaignOf(text: string): CampaignUnderTest {
  const folder = scratchFolder()
  const path = join(folder, 'campaign.yaml')
  const resultsDir = join(folder, 'results')
  const rewrite = (content: string) => writeFileSync(path, `${content}\nio: { results_dir: ${resultsDir} }\n`)
  rewrite(text)
  const start = (...args: string[]) =>
    startLlem(['campaign', path, '--simulate', '--yes', ...args], { env: HOME })
  const dir = () => {
    const [name, ...others] = readdirSync(resultsDir)
    if (name === undefined || others.length > 0) throw new Error(`${others.length + 1} campaigns`)
    return join(resultsDir, name)
  }
  return {
    resultsDir,
    rewrite,
    start,
    run: (...args) => start(...args).ended,
    dir,
    status: async () => {
      const { code, stdout, stderr } = await llem(['campaign', 'status', dir(), '--json'], { env: HOME })
      if (code !== 0) throw new Error(stderr)
      return JSON.parse(stdout)
    },
  }
}

interface FoundResult {
  path: string
  id: string
  hash: string
  /** In Slurm. */
  node: string | null
  gpus: string[]
  /** Codes of its findings. */
  codes: string[]
}

/** The results of a campaign, by run: "name/cycle" -> the path and the identity of each result.json there. */
export function resultsIn(dir: string): Map<string, FoundResult[]> {
  const found = new Map<string, FoundResult[]>()
  const runs = join(dir, 'runs')
  for (const name of existsSync(runs) ? readdirSync(runs) : []) {
    for (const cycle of readdirSync(join(runs, name))) {
      const folder = join(runs, name, cycle)
      const paths = readdirSync(folder)
        .map((entry) => join(folder, entry, 'result.json'))
        .filter((path) => existsSync(path))
      const results = paths.map((path) => {
        const {
          experiment_id: id,
          config_hash: hash,
          environment,
          findings,
        } = JSON.parse(readFileSync(path, 'utf8'))
        const codes = findings.map(({ code }: { code: string }) => code)
        const gpus = environment.gpus.map(({ uuid }: { uuid: string }) => uuid)
        return { path, id, hash, node: environment.node, gpus, codes }
      })
      if (results.length > 0) found.set(`${name}/${cycle}`, results)
    }
  }
  return found
}

/** Every process that has this text in its command line. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const [command, state] = [
          readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
          readFileSync(`/proc/${pid}/status`, 'utf8'),
        ]
        return command.includes(text) && !/^State:\s+[ZX]/m.test(state)
      } catch {
        return false
      }
    })
}

/** Waits until a run is under way. */
export async function runs(dir: () => string): Promise<void> {
  const isRunning = () => {
    try {
      const folder = join(dir(), 'runs')
      return readdirSync(folder).some((name) =>
        readdirSync(join(folder, name)).some((cycle) =>
          readFileSync(join(folder, name, cycle, 'run.json'), 'utf8').includes('"running"'),
        ),
      )
    } catch {
      return false
    }
  }
  if (!(await within(30_000, isRunning))) throw new Error('no run began in time')
}
