// What squeue and sacct answer, and what becomes of it. The programs are doubles that answer as their manual pages say: the
// cluster of the tests has no slurmdbd, and a time limit is a minute at least.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openCampaignFolder } from '../../dist/campaign/folder.js'
import { planOf } from '../../dist/campaign/plan.js'
import { loadCampaign } from '../../dist/config/load-campaign.js'
import { claimRun, latestClaim } from '../../dist/slurm/claim.js'
import { slurmStatus } from '../../dist/slurm/status.js'
import { scratchFolder } from '../backends/tiny-model.js'

const TEXT = `campaign_name: x
model: x.gguf
grid: { shared: { generation.max_tokens: [1, 2, 3, 4, 5, 6] } }
execution: { cycles: 1 }
`
const path = process.env.PATH
let folder = ''

beforeEach(() => {
  folder = scratchFolder()
  mkdirSync(join(folder, 'bin'))
  process.env.PATH = `${join(folder, 'bin')}:${path}`
})
afterEach(() => {
  process.env.PATH = path
})

/** A program that writes this, and notes that it was called. */
function double(name: string, stdout: string, code = 0, stderr = ''): void {
  const script = `#!/bin/sh\necho ${name} >> ${folder}/calls\ncat <<'END'\n${stdout}\nEND\necho '${stderr}' >&2\nexit ${code}\n`
  writeFileSync(join(folder, 'bin', name), script, { mode: 0o755 })
}

/** A campaign of six runs, submitted as job 7. */
async function submitted({ accounting }: { accounting: boolean }): Promise<string> {
  const loaded = loadCampaign({ path: 'x.yaml', text: TEXT })
  if (!loaded.ok) throw new Error('the campaign has problems')
  const dir = await openCampaignFolder(join(folder, 'results'), planOf(loaded))
  const place = join(dir, 'slurm', 'submission-1')
  mkdirSync(place, { recursive: true })
  mkdirSync(join(dir, 'slurm', 'logs'))
  const chunks = [{ number: 1, job_id: '7', cluster: null }]
  const submission = { state: 'submitted', job_name: 'llem-x-1', has_accounting: accounting, chunks }
  writeFileSync(join(place, 'submission.json'), JSON.stringify(submission))
  const tasks = Array.from({ length: 6 }, (_, experiment) => [{ experiment, cycle: 1 }])
  const how = { simulate: true, cold_start: false, container: null }
  const limits = { silent_minutes: 60, max_node_failures: 3, excluded: [] }
  writeFileSync(join(place, 'chunk-1.json'), JSON.stringify({ tasks, ...how, ...limits }))
  return dir
}

/** Makes a run one that has begun in a task of job 7. */
async function begun(dir: string, index: number): Promise<string> {
  const run = join(dir, 'runs', `llamacpp_x_max_tokens=${index + 1}`, 'cycle-1')
  mkdirSync(run, { recursive: true })
  const place = {
    node: 'node03',
    job_id: `${20 + index}`,
    array_job_id: '7',
    array_task_id: index,
    restarts: 0,
  }
  expect(await claimRun(run, place)).toBe(null)
  return run
}

async function codesOf(dir: string): Promise<(string | undefined)[]> {
  const { manifest } = await slurmStatus(dir)
  return manifest.entries.map(({ status, error }) => error?.code ?? status)
}

describe('the status of tasks', () => {
  it('that squeue has forgotten is asked of sacct, in two calls', async () => {
    const dir = await submitted({ accounting: true })
    for (const index of [0, 1, 2, 3, 4]) await begun(dir, index)
    double('squeue', '7|5|PENDING||Resources|llem-x-1-1')
    double(
      'sacct',
      [
        '7_0|TIMEOUT|node03|0:0',
        '7_1|OUT_OF_MEMORY|node03|0:125',
        '7_2|NODE_FAIL|node03|1:0',
        '7_3|PREEMPTED|node03|0:0',
        '7_4|CANCELLED by 1000|node03|0:15',
      ].join('\n'),
    )
    expect(await codesOf(dir)).toEqual([
      ...['SLURM_TIMEOUT', 'SLURM_OUT_OF_MEMORY', 'SLURM_NODE_FAIL', 'SLURM_PREEMPTED', 'SLURM_CANCELLED'],
      'pending',
    ])
    const { manifest } = await slurmStatus(dir)
    expect(manifest.entries[0]?.error?.message).toContain('raise slurm.time')
    expect(manifest.state).toBe('waiting')
    const { readFileSync } = await import('node:fs')
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toBe('squeue\nsacct\nsqueue\nsacct\n')
  })

  it('without accounting is in their logs, and not guessed where it is not', async () => {
    const dir = await submitted({ accounting: false })
    for (const index of [0, 1, 2, 3, 4]) await begun(dir, index)
    double('squeue', '')
    const log = (index: number, text: string) =>
      writeFileSync(join(dir, 'slurm', 'logs', `7_${index}.log`), text)
    log(0, 'slurmstepd: error: *** JOB 20 ON node03 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***\n')
    log(
      1,
      'slurmstepd: error: Detected 1 oom-kill event(s) in StepId=21.batch. Some of your processes may have been killed\n',
    )
    log(
      2,
      'slurmstepd: error: *** JOB 22 ON node03 CANCELLED AT 2026-01-01T00:00:00 DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS ***\n',
    )
    // Preempted, started anew, and then lost without a word.
    log(
      3,
      'slurmstepd: error: *** JOB 23 ON node03 CANCELLED AT 2026-01-01T00:00:00 DUE TO PREEMPTION ***\nTask 7_3 on node04\n',
    )
    log(4, 'slurmstepd: error: *** JOB 24 ON node03 CANCELLED AT 2026-01-01T00:00:00 ***\n')
    expect(await codesOf(dir)).toEqual([
      ...['SLURM_TIMEOUT', 'SLURM_OUT_OF_MEMORY', 'SLURM_NODE_FAIL', 'SLURM_GONE', 'SLURM_CANCELLED'],
      'pending',
    ])
  })

  it('that ended before llem came is a failure, and one that had nothing to do is not', async () => {
    const dir = await submitted({ accounting: false })
    double('squeue', '7|1|COMPLETED|node03||llem-x-1-1')
    for (const [index, text] of ['module: not found\n', '', 'Task 7_2 on node03\n'].entries())
      writeFileSync(join(dir, 'slurm', 'logs', `7_${index}.log`), text)
    const started = ['pending', 'pending', 'pending', 'pending']
    expect(await codesOf(dir)).toEqual(['SLURM_NOT_STARTED', 'SLURM_NOT_STARTED', ...started])
  })

  it('of which something was heard just now are not gone, whoever hides them', async () => {
    const dir = await submitted({ accounting: false })
    const run = await begun(dir, 0)
    writeFileSync(join(run, 'heard'), '')
    double('squeue', '')
    expect((await codesOf(dir))[0]).toBe('running')
  })

  it('are not known where squeue answers in another form', async () => {
    const dir = await submitted({ accounting: false })
    double('squeue', 'Willkommen auf dem Cluster')
    expect((await slurmStatus(dir)).problems.join()).toContain('squeue answered "Willkommen')
  })

  it('is what the folders tell where Slurm does not answer, and says so', async () => {
    const dir = await submitted({ accounting: false })
    double('squeue', '', 1, 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)')
    const { manifest, problems } = await slurmStatus(dir)
    expect(manifest.counts.pending).toBe(6)
    expect(problems.join('\n')).toContain('Unable to contact slurm controller')
  })

  it('names what never starts', async () => {
    const dir = await submitted({ accounting: false })
    double('squeue', '7|0|PENDING||PartitionTimeLimit|llem-x-1-1')
    const { manifest } = await slurmStatus(dir)
    expect(manifest.reason).toContain('it will never start: slurm.time is more than the partition allows')
  })
})

describe('a claim', () => {
  const place = { node: 'a', job_id: '1', array_job_id: '7', array_task_id: 0, restarts: 0 }

  it('is of one of many that come at once', async () => {
    double('squeue', 'RUNNING')
    const others = await Promise.all(
      Array.from({ length: 20 }, (_, index) => claimRun(folder, { ...place, job_id: `${index + 1}` })),
    )
    expect(others.filter((other) => other === null)).toHaveLength(1)
    expect(new Set(others.flatMap((other) => other?.job_id ?? [])).size).toBe(1)
  })

  it('of a task that is over, or waits again, is taken over; of one that runs it is not', async () => {
    expect(await claimRun(folder, place)).toBe(null)
    double('squeue', 'RUNNING')
    expect(await claimRun(folder, { ...place, job_id: '2' })).toMatchObject({ job_id: '1' })
    double('squeue', '', 1, 'slurm_load_jobs error: Invalid job id specified')
    expect(await claimRun(folder, { ...place, job_id: '2' })).toBe(null)
    double('squeue', 'PENDING')
    expect(await claimRun(folder, { ...place, job_id: '3' })).toBe(null)
    expect(latestClaim(folder)).toMatchObject({ number: 3, job_id: '3' })
    // Started anew.
    expect(await claimRun(folder, { ...place, job_id: '3', restarts: 1 })).toBe(null)
    double('squeue', '', 1, 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)')
    await expect(claimRun(folder, { ...place, job_id: '4' })).rejects.toMatchObject({ code: 'SLURM_SILENT' })
  })
})
