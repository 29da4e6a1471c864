// What the records of a campaign come to where something else than a run wrote, or could not write, into its folder.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { claimCampaign, isRunning, readClaim } from '../../dist/campaign/claim.js'
import { openCampaignFolder, readPlan, refuseChanged } from '../../dist/campaign/folder.js'
import { RunRecords } from '../../dist/campaign/records.js'
import { type CampaignOptions, runCampaign } from '../../dist/campaign/run.js'
import { statisticsOf } from '../../dist/campaign/statistics.js'
import { LlemError } from '../../dist/core/errors.js'
import { learnSecret } from '../../dist/core/secrets.js'
import type { Executor } from '../../dist/executors/executor.js'
import { silentObserver } from '../../dist/progress/observer.js'
import { scratchFolder } from '../native/scenario.js'
import { placed } from '../results/fixtures.js'
import { PLAIN, UNTOLD } from './plain.js'
import { campaignOf, shortCampaign } from './running.js'
import { planned } from './written.js'

vi.setConfig({ testTimeout: 120_000 })

afterEach(() => vi.restoreAllMocks())

describe('a result that no record tells of', () => {
  let dir: string
  let cycles: string[]
  const read = (isRunner = false) => new RunRecords(dir, readPlan(dir), { isLive: false, isRunner })
  const recordOf = (cycle: number) => join(String(cycles[cycle - 1]), 'run.json')

  beforeAll(async () => {
    const campaign = campaignOf(shortCampaign(1, 'cycles: 2'))
    expect(await campaign.run('-q')).toMatchObject({ code: 0 })
    dir = campaign.dir()
    const [name = ''] = readdirSync(join(dir, 'runs'))
    cycles = ['cycle-1', 'cycle-2'].map((cycle) => join(dir, 'runs', name, cycle))
  }, 120_000)

  it('counts in the statistics as if it had one', () => {
    const plan = readPlan(dir)
    const before = statisticsOf(plan, read())
    expect(before).toMatchObject([{ cycles: 2, tokens_per_second: { n: 2 } }])
    const [first, second] = [...read().runs()].map((run) => read().of(run))
    // Killed between result.json and run.json; and a record that was lost.
    const running = { status: 'running', completed_at: null, result_path: null, summary: null }
    writeFileSync(
      recordOf(1),
      JSON.stringify({ ...JSON.parse(readFileSync(recordOf(1), 'utf8')), ...running }),
    )
    rmSync(recordOf(2))
    const records = read()
    expect(records.problems).toEqual([])
    expect(statisticsOf(plan, records)).toEqual(before)
    const [killed, lost] = [...records.runs()].map((run) => records.of(run))
    expect(killed).toMatchObject({
      status: 'completed',
      started_at: first?.started_at,
      summary: first?.summary,
    })
    expect(lost).toMatchObject({ status: 'completed', summary: second?.summary, error: null })
    for (const record of [killed, lost]) expect(Date.parse(String(record?.completed_at))).toBeGreaterThan(0)
  })

  it('does not count where it is no result, and is set aside by whoever runs the campaign', () => {
    const [attempt = ''] = readdirSync(String(cycles[1])).filter((name) => !name.includes('.'))
    writeFileSync(join(String(cycles[1]), attempt, 'result.json'), '{}')
    // Whoever only looks changes nothing.
    const seen = /result\.json is no result of llem: it has no schema_version; its experiment is run again\.$/
    for (const _ of [1, 2]) expect(read().problems).toEqual([expect.stringMatching(seen)])
    const records = read(true)
    expect(records.problems).toEqual([
      expect.stringMatching(
        /result\.json is no result of llem: it has no schema_version; it is now .*damaged-1/,
      ),
    ])
    expect([...records.runs()].map((run) => records.of(run).status)).toEqual(['completed', 'pending'])
  })

  it('is not looked for in what a file system or a person has put beside the cycles', () => {
    writeFileSync(join(dir, 'runs', String(readdirSync(join(dir, 'runs'))[0]), '.nfs0000000000a1'), '')
    expect(read().rounds).toBe(1)
  })
})

/** Runs a campaign of one experiment; `run` stands for the experiment. */
async function runOnce(run: Executor['run'], options: Partial<CampaignOptions> = {}, gapSeconds = 0) {
  const plan = planned(
    `campaign_name: x\nmodel: m.gguf\nexperiments: [{}]\nexecution: { cycles: 1, config_gap_seconds: ${gapSeconds} }`,
  )
  const dir = await openCampaignFolder(scratchFolder(), plan)
  const executor: Executor = {
    name: 'fake',
    run,
    close: async () => undefined,
    responds: async () => null,
    restart: async () => undefined,
  }
  const manifest = await runCampaign(plan, { dir, executor, ...PLAIN, signal: undefined, ...options })
  return { plan, dir, manifest }
}

const SUMMARY = {
  ...{
    experiment_id: 'x',
    config_hash: 'x',
    energy_j: 1,
    energy_problem: null,
    energy_reason: null,
    energy_per_output_token_j: 1,
  },
  ...{ tokens_per_second: 1, output_tokens: 1, inference_s: 1, e2e_p50_ms: 1, warnings: 0 },
  ...{ load_s: null, load_energy_j: null, disk_bytes: 1 },
}

it('an experiment that is done has not failed because its record could not be written', async () => {
  const write = RunRecords.prototype.write
  let refused = 0
  vi.spyOn(RunRecords.prototype, 'write').mockImplementation(function (this: RunRecords, run, record) {
    // The disk is full for a moment: the next record would find room.
    if (record.status === 'completed' && refused++ === 0)
      throw new LlemError('run.json could not be written: ENOSPC', { code: 'RESULT_NOT_WRITTEN', hint: null })
    return write.call(this, run, record)
  })
  const { plan, dir, manifest } = await runOnce(async ({ output_dir }) => {
    const result_path = join(output_dir, 'attempt', 'result.json')
    placed('run', join(output_dir, 'attempt'))
    return { ...UNTOLD, ...SUMMARY, result_path }
  })
  expect(manifest).toMatchObject({ state: 'paused', reason: 'the disk is full' })
  const records = new RunRecords(dir, plan, { isLive: false })
  expect([...records.runs()].map((run) => records.of(run).status)).toEqual(['completed'])
})

it('an experiment that was killed after its result was in its place is done, and is not run again', async () => {
  const notes: string[] = []
  const observer = { ...silentObserver, note: (text: string) => notes.push(text) }
  let runs = 0
  const killed: Executor['run'] = async ({ output_dir }) => {
    runs += 1
    placed('run', join(output_dir, 'attempt'))
    throw new LlemError('the experiment worker was killed by SIGKILL', { code: 'WORKER_DIED', hint: null })
  }
  const { plan, dir, manifest } = await runOnce(killed, { observer, retryFailed: true })
  expect({ runs, counts: manifest.counts }).toMatchObject({ runs: 1, counts: { completed: 1, failed: 0 } })
  expect(notes.join('\n')).toMatch(/cycle 1 has its result, though it ended badly: .*SIGKILL \[WORKER_DIED\]/)
  const records = new RunRecords(dir, plan, { isLive: false })
  const [record] = [...records.runs()].map((run) => records.of(run))
  expect(record).toMatchObject({
    status: 'completed',
    error: null,
    summary: { energy_j: expect.any(Number) },
  })
})

it('a record that says "failed" beside a result is not believed', async () => {
  const { plan, dir } = await runOnce(async () => {
    throw new LlemError('it failed', { code: 'WORKER_DIED', hint: null })
  })
  const [name = ''] = readdirSync(join(dir, 'runs'))
  const statuses = () => {
    const records = new RunRecords(dir, plan, { isLive: false })
    return [...records.runs()].map((run) => records.of(run).status)
  }
  expect(statuses()).toEqual(['failed'])
  placed('run', join(dir, 'runs', name, 'cycle-1', 'attempt'))
  expect(statuses()).toEqual(['completed'])
})

it('an experiment that is tried once more keeps its distance from what ran before it', async () => {
  const timesMs: number[] = []
  const failing: Executor['run'] = async () => {
    timesMs.push(performance.now())
    throw new LlemError('it failed', { code: 'WORKER_DIED', hint: null })
  }
  await runOnce(failing, { retryFailed: true }, 1)
  const [first = 0, again = 0] = timesMs
  expect(timesMs).toHaveLength(2)
  expect(again - first).toBeGreaterThan(990)
})

describe('a claim of another host, whose lock is not to be seen here', () => {
  const claimOf = (dir: string, heartbeat_at: Date) => {
    const now = heartbeat_at.toISOString()
    const claim = { host: 'elsewhere', pid: 7, boot_id: null, started_at: now, heartbeat_at: now }
    writeFileSync(join(dir, 'claim.json'), JSON.stringify(claim))
  }

  it('holds as long as its heart beats, and a minute longer', async () => {
    const dir = scratchFolder()
    claimOf(dir, new Date(Date.now() - 30_000))
    await expect(claimCampaign(dir)).rejects.toMatchObject({ code: 'CAMPAIGN_RUNNING' })
    expect(await isRunning(dir)).toBe(true)
    claimOf(dir, new Date(Date.now() - 61_000))
    const { release } = await claimCampaign(dir)
    release()
  })

  it('is gone as soon as the campaign has ended there', async () => {
    const dir = scratchFolder()
    const { release } = await claimCampaign(dir)
    expect(readClaim(dir)).toMatchObject({ pid: process.pid })
    release()
    expect(readClaim(dir)).toBeNull()
  })
})

it('a plan on the disk has no secrets, and they are no difference', async () => {
  const text = (tokens: number) => `campaign_name: served
model: m
backend: server
server: { command: [serve, '{port}'], env: { HF_TOKEN: hf_abcdef } }
experiments: [{ generation: { max_tokens: ${tokens} } }]
`
  const folder = scratchFolder()
  const dir = await openCampaignFolder(folder, planned(text(1)))
  const written = readFileSync(join(dir, 'plan.json'), 'utf8')
  expect(written).not.toContain('hf_abcdef')
  expect(JSON.parse(written).shared.server.env).toEqual({ HF_TOKEN: '[redacted]' })
  expect(() => refuseChanged(folder, planned(text(1)))).not.toThrow()
  expect(() => refuseChanged(folder, planned(text(2)))).toThrow(
    /was begun: experiments \(1 gone, 1 new\) differ/,
  )
})

describe('a campaign whose name holds a secret', () => {
  const text = (name: string, tokens: number) => `campaign_name: of ${name}
model: m
experiments: [{ generation: { max_tokens: ${tokens} } }]
`

  it('is resumed, and told to have changed where it has', async () => {
    const folder = scratchFolder()
    const name = 'ghp_0123456789abcdefghij0123'
    const dir = await openCampaignFolder(folder, planned(text(name, 1)))
    expect(dir).not.toContain(name)
    expect(() => refuseChanged(folder, planned(text(name, 1)))).not.toThrow()
    expect(() => refuseChanged(folder, planned(text(name, 2)))).toThrow(
      /has changed .*: experiments \(1 gone, 1 new\) differ/,
    )
  })

  it('is resumed also where that became known only after it was begun', async () => {
    const folder = scratchFolder()
    const name = 'unremarkable-name-of-a-key'
    const dir = await openCampaignFolder(folder, planned(text(name, 1)))
    learnSecret(name)
    expect(() => refuseChanged(folder, planned(text(name, 1)))).not.toThrow()
    expect(await openCampaignFolder(folder, planned(text(name, 1)))).toBe(dir)
  })
})
