// A real Slurm for a test file, and `llem campaign --executor slurm` on it.

import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { Manifest } from '../../dist/campaign/manifest.js'
import {
  type ClusterOptions,
  startCluster,
  stopCluster,
  whyNoAccounting,
  whyNoCluster,
} from '../../scripts/slurm-cluster.mjs'
import { scratchFolder } from '../backends/tiny-model.js'
import { shortCampaign } from '../campaign/running.js'
import { HOME } from '../cli/experiment.js'
import { type Ended, llem } from '../native/llem.js'
import { gpu, scenarioFile } from '../native/scenario.js'

const noCluster = whyNoCluster()
/** The two boards of a node, of which Slurm gives a task one. */
const boards = scenarioFile([gpu(0, [{ for_s: 1, w: 200 }]), gpu(1, [{ for_s: 1, w: 210 }])])

export interface Cluster {
  folder: string
  /** What commands of Slurm and llem need to find it. */
  env: NodeJS.ProcessEnv
  /** A command of Slurm; resolves with what it wrote. */
  slurm(program: string, ...args: string[]): Promise<string>
}

/** Starts a cluster for the tests of a file, which are skipped where there can be none. */
export function cluster(options: ClusterOptions = {}): Cluster {
  const why = noCluster ?? (options.accounting === true ? whyNoAccounting() : null)
  // Short: the names of sockets are in it.
  const folder = mkdtempSync(join(tmpdir(), 'llem-slurm-'))
  const env = { ...HOME, SLURM_CONF: join(folder, 'slurm.conf') }
  beforeAll(async () => {
    if (why === null) await startCluster(folder, options)
  }, 90_000)
  afterAll(() => stopCluster(folder), 60_000)
  beforeEach((context) => {
    if (why !== null) context.skip(why)
  })
  const slurm = async (program: string, ...args: string[]) => {
    const { stdout } = await promisify(execFile)(program, args, { env: { ...process.env, ...env } })
    return stdout
  }
  return { folder, env, slurm }
}

export interface CampaignOnSlurm {
  path: string
  folder: string
  /** The campaign's folder. */
  dir(): string
  /** The scenario of the boards. */
  boards: string
  submit(...args: string[]): Promise<Ended>
  status(): Promise<Manifest>
  /** Until nothing is in the queue any more. */
  wait(): Promise<Ended>
  llem(...args: string[]): Promise<Ended>
}

interface CampaignText {
  experiments?: number
  execution?: string
  /** More keys of slurm, or all of them. */
  slurm?: string
  only?: string
  /** More lines of bash before a task. */
  setup?: readonly string[]
  /** More YAML. */
  extra?: string
}

/** A campaign of so many runs a cycle. */
export function campaignOn(
  { env }: Cluster,
  {
    experiments = 4,
    execution = 'cycles: 1',
    slurm = '',
    only = `gres: gpu:1, time: "00:10:00"${slurm === '' ? '' : `, ${slurm}`}`,
    setup = [],
    extra = '',
  }: CampaignText = {},
): CampaignOnSlurm {
  const folder = scratchFolder()
  const path = join(folder, 'campaign.yaml')
  const results = join(folder, 'results')
  // All nodes are on one machine with the same boards, which only one llem has a load on at a time.
  const claims = `export LLEM_CLAIMS_DIR=${folder}/claims-$SLURMD_NODENAME; mkdir -p $LLEM_CLAIMS_DIR`
  const text = shortCampaign(experiments, execution, extra)
  writeFileSync(
    path,
    `${text}\nslurm: { ${only}, setup: ${JSON.stringify([claims, ...setup])} }\nio: { results_dir: ${results} }\n`,
  )
  const dir = () => {
    const [name, ...others] = existsSync(results) ? readdirSync(results) : []
    if (name === undefined || others.length > 0) throw new Error(`not one campaign in ${results}`)
    return join(results, name)
  }
  const command = (...args: string[]) => llem(args, { env, cwd: folder })
  return {
    path,
    folder,
    dir,
    boards,
    llem: command,
    submit: (...args) =>
      command('campaign', path, '--executor', 'slurm', '--simulate', boards, '-q', ...args),
    wait: () => command('campaign', 'wait', dir(), '-q'),
    status: async () => {
      const { code, stdout, stderr } = await command('campaign', 'status', dir(), '--json')
      if (code !== 0) throw new Error(stderr)
      return JSON.parse(stdout)
    },
  }
}

/** All logs of a campaign's tasks, for whoever has to see why one failed. */
export function logsOf(dir: string): string {
  const logs = join(dir, 'slurm', 'logs')
  return readdirSync(logs)
    .map((name) => `--- ${name}\n${readFileSync(join(logs, name), 'utf8')}`)
    .join('\n')
}
