// What squeue and sacct answer, and what becomes of it. The programs are doubles that answer as their manual pages say: a time
// limit is a minute at least, and nobody takes memory or nodes away. A real sacct is in accounts.nightly.test.ts.

import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openCampaignFolder } from '../../dist/campaign/folder.js'
import { planOf } from '../../dist/campaign/plan.js'
import { PENDING } from '../../dist/campaign/records.js'
import { loadCampaign } from '../../dist/config/load-campaign.js'
import { cancelCampaign } from '../../dist/slurm/cancel.js'
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

/** The same, which notes its arguments. */
function doubleOfCalls(name: string): void {
  const script = `#!/bin/sh\necho ${name} "$@" >> ${folder}/calls\n`
  writeFileSync(join(folder, 'bin', name), script, { mode: 0o755 })
}

/** What a submission leaves in the folder of a campaign. */
function submit(
  dir: string,
  number: number,
  job: string,
  runs: readonly number[],
  { accounting = false, cluster = null }: { accounting?: boolean; cluster?: string | null } = {},
): void {
  const place = join(dir, 'slurm', `submission-${number}`)
  mkdirSync(place, { recursive: true })
  mkdirSync(join(dir, 'slurm', 'logs'), { recursive: true })
  const chunks = [{ number: 1, job_id: job, cluster }]
  const submission = { state: 'submitted', job_name: `llem-x-${number}`, has_accounting: accounting, chunks }
  writeFileSync(join(place, 'submission.json'), JSON.stringify(submission))
  const tasks = runs.map((experiment) => [{ experiment, cycle: 1 }])
  const how = { simulate: true, cold_start: false, container: null }
  const limits = { silent_minutes: 60, max_node_failures: 3, excluded: [] }
  writeFileSync(join(place, 'chunk-1.json'), JSON.stringify({ tasks, ...how, ...limits }))
}

/** A campaign of six runs, submitted as job 7. */
async function submitted(how: { accounting: boolean; cluster?: string }): Promise<string> {
  const loaded = loadCampaign({ path: 'x.yaml', text: TEXT })
  if (!loaded.ok) throw new Error('the campaign has problems')
  const dir = await openCampaignFolder(join(folder, 'results'), planOf(loaded))
  submit(dir, 1, '7', [0, 1, 2, 3, 4, 5], how)
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
        '7_0|TIMEOUT|node03|0:0|llem-x-1-1',
        '7_1|OUT_OF_MEMORY|node03|0:125|llem-x-1-1',
        '7_2|NODE_FAIL|node03|1:0|llem-x-1-1',
        '7_3|PREEMPTED|node03|0:0|llem-x-1-1',
        '7_4|CANCELLED by 1000|node03|0:15|llem-x-1-1',
        // Of another job that was given the number later.
        '7_4|COMPLETED|node01|0:0|other',
      ].join('\n'),
    )
    expect(await codesOf(dir)).toEqual([
      ...['SLURM_TIMEOUT', 'SLURM_OUT_OF_MEMORY', 'SLURM_NODE_FAIL', 'SLURM_PREEMPTED', 'SLURM_CANCELLED'],
      'pending',
    ])
    const { manifest } = await slurmStatus(dir)
    expect(manifest.entries[0]?.error?.message).toContain('raise slurm.time')
    expect(manifest.state).toBe('waiting')
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

  it('is what the folders tell where squeue hangs, soon', async () => {
    const dir = await submitted({ accounting: false })
    writeFileSync(join(folder, 'bin', 'squeue'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 })
    const { manifest, problems } = await slurmStatus(dir, undefined, 300)
    expect(manifest.entries).toHaveLength(6)
    expect(problems.join()).toContain('squeue did not answer within 0.3 s')
  })

  it('names what never starts', async () => {
    const dir = await submitted({ accounting: false })
    double('squeue', '7|0|PENDING||PartitionTimeLimit|llem-x-1-1')
    const { manifest } = await slurmStatus(dir)
    expect(manifest.reason).toContain('it will never start: slurm.time is more than the partition allows')
  })
})

const CLAIMED = Array.from({ length: 20 }, (_, index) => index)

describe('what nobody will do', () => {
  it('is told where a task was cancelled while it waited, by then and once Slurm has forgotten it', async () => {
    const dir = await submitted({ accounting: false })
    const running = '7|0|RUNNING|node03|None|llem-x-1-1'
    for (const others of [
      [1, 2, 3, 4, 5].map((index) => `7|${index}|CANCELLED||None|llem-x-1-1`).join('\n'),
      '',
    ]) {
      double('squeue', `${running}\n${others}`)
      const { manifest } = await slurmStatus(dir)
      expect(manifest.counts).toMatchObject({ running: 1, pending: 5 })
      expect(manifest.reason).toBe(
        '5 pending runs have no task: submit again: llem campaign FILE --executor slurm',
      )
    }
  })

  it('is told where tasks are held, which llem has released', async () => {
    const dir = await submitted({ accounting: false })
    const held = (reason: string, index: number) => `7|${index}|PENDING||${reason}|llem-x-1-1`
    double('squeue', [held('launch failed requeued held', 0), held('JobHeldUser', 1)].join('\n'))
    const { manifest, problems } = await slurmStatus(dir)
    expect(manifest.state).toBe('waiting')
    expect(problems.join()).toContain('2 tasks are held (launch failed requeued held, JobHeldUser)')
    expect(problems.join()).toContain('`scontrol release 7`')
  })
})

describe('a run with two tasks', () => {
  it('is credited to the one that did it, whatever its number is another time', async () => {
    const dir = await submitted({ accounting: false })
    await begun(dir, 0)
    // The controller had lost job 7, and gave the number again.
    submit(dir, 2, '7', [5, 0])
    submit(dir, 3, '9', [0])
    const lines = ['7|0|RUNNING|node01|None|llem-x-2-1', '7|1|COMPLETED|node02|None|llem-x-2-1']
    double('squeue', [...lines, '9|0|PENDING||Priority|llem-x-3-1'].join('\n'))
    const record = join(dir, 'runs', 'llamacpp_x_max_tokens=1', 'cycle-1', 'run.json')
    const place = { node: 'node02', job_id: '8', array_job_id: '7', array_task_id: 1, restarts: 0 }
    writeFileSync(
      record,
      JSON.stringify({ ...PENDING, status: 'failed', error: { code: 'X', message: 'x' }, place }),
    )
    expect((await slurmStatus(dir)).manifest.entries[0]).toMatchObject({
      ...{ status: 'pending', slurm: { task: '9_0', state: 'PENDING' } },
    })
    double('squeue', lines.join('\n'))
    const { entries } = (await slurmStatus(dir)).manifest
    expect(entries[0]).toMatchObject({ status: 'failed', slurm: { task: '7_1', node: 'node02' } })
    expect(entries[5]).toMatchObject({ status: 'running', slurm: { task: '7_0', node: 'node01' } })
  })
})

it('jobs of other clusters are asked of, and ended, there', async () => {
  const dir = await submitted({ accounting: false, cluster: 'west' })
  submit(dir, 2, '9', [0], { cluster: 'east' })
  for (const name of ['squeue', 'scancel']) doubleOfCalls(name)
  await slurmStatus(dir)
  await cancelCampaign(dir)
  const calls = readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n').sort()
  expect(calls.slice(0, 2)).toEqual(['scancel --clusters east 9', 'scancel --clusters west 7'])
  expect(calls[2]).toContain('squeue --clusters west,east ')
})

describe('a claim', () => {
  const place = { node: 'a', job_id: '1', array_job_id: '7', array_task_id: 0, restarts: 0 }

  it('is of one of many that come at once', async () => {
    double('squeue', CLAIMED.map((index) => `RUNNING|7|${index}`).join('\n'))
    const others = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        claimRun(folder, { ...place, job_id: `${index + 1}`, array_task_id: index }),
      ),
    )
    expect(others.filter((other) => other === null)).toHaveLength(1)
    expect(new Set(others.flatMap((other) => other?.job_id ?? [])).size).toBe(1)
  })

  it('of a task that is over, or waits again, is taken over; of one that runs it is not', async () => {
    expect(await claimRun(folder, place)).toBe(null)
    // The number of an array is that of one of its tasks too.
    double('squeue', 'COMPLETED|7|1\nRUNNING|7|0')
    expect(await claimRun(folder, { ...place, job_id: '2' })).toMatchObject({ job_id: '1' })
    double('squeue', '', 1, 'slurm_load_jobs error: Invalid job id specified')
    expect(await claimRun(folder, { ...place, job_id: '2' })).toBe(null)
    double('squeue', 'PENDING|7|0')
    expect(await claimRun(folder, { ...place, job_id: '3' })).toBe(null)
    expect(latestClaim(folder)).toMatchObject({ number: 3, job_id: '3' })
    // Started anew.
    expect(await claimRun(folder, { ...place, job_id: '3', restarts: 1 })).toBe(null)
    double('squeue', '', 1, 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)')
    await expect(claimRun(folder, { ...place, job_id: '4' })).rejects.toMatchObject({ code: 'SLURM_SILENT' })
  })

  it.each([
    ['is not known any more', '2'],
    ['has the number of this one', '1'],
  ])('of a task that %s is waited for while it shows life', async (_, job_id) => {
    expect(await claimRun(folder, place)).toBe(null)
    double('squeue', '', 1, 'slurm_load_jobs error: Invalid job id specified')
    const alive = join(folder, 'alive')
    writeFileSync(alive, '')
    const seconds = Date.now() / 1000 - 28
    utimesSync(alive, seconds, seconds)
    const notes: string[] = []
    expect(await claimRun(folder, { ...place, job_id }, { note: (text) => notes.push(text) })).toBe(null)
    expect(notes.join()).toContain('waiting until it is over')
    expect(Date.now() / 1000 - seconds).toBeGreaterThan(29)
  })
})
