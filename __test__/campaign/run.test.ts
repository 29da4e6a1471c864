import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { endsWithin, isRunning, within } from '../backends/processes.js'
import { childrenOf } from '../cli/experiment.js'
import { atNight } from '../setup/at-night.js'
import { campaignOf, resultsIn, runs, shortCampaign } from './running.js'

vi.setConfig({ testTimeout: 120_000 })

const LONG = 'n_prompts: 5000'

/** The process that runs the experiments. */
async function runnerOf(child: ChildProcess): Promise<number> {
  expect(await within(10_000, () => childrenOf(child.pid).length > 0)).toBe(true)
  return Number(childrenOf(child.pid)[0])
}

describe('a campaign', () => {
  it('runs every experiment in every cycle, and nothing twice', async () => {
    const campaign = campaignOf(shortCampaign(2, 'cycles: 2'))
    const first = await campaign.run()
    expect(first).toMatchObject({ code: 0 })
    expect(first.stderr).toContain('Generated 2 experiments (0 filtered, 0 warnings)\n')
    const before = resultsIn(campaign.dir())
    expect(before.size).toBe(4)
    for (const results of before.values()) expect(results).toHaveLength(1)
    // Two prompts of a tiny model last a few milliseconds.
    expect(first.stdout).toMatch(
      /^Campaign short: completed: 4 completed \(4 without energy\)\nNo energy: the window of \d+ ms is shorter than 3 update periods of the sensor \(100 ms each\)\n/,
    )
    expect(first.stdout).toMatch(/experiment +n +J\/output token +energy \(J\)/)

    const again = await campaign.run()
    expect(again).toMatchObject({ code: 0 })
    expect(again.stderr).toContain('Resuming: 0 remaining (4 completed, 0 failed)\n')
    expect(resultsIn(campaign.dir())).toEqual(before)
    const manifest = JSON.parse(readFileSync(join(campaign.dir(), 'manifest.json'), 'utf8'))
    expect(manifest).toMatchObject({ state: 'completed', counts: { completed: 4, pending: 0 } })
    expect(manifest).toMatchObject({
      without_energy: 4,
      without_energy_reason: expect.stringContaining('is shorter than'),
    })
    const required = await campaign.run('--require-energy')
    expect(required.code).toBe(1)
    expect(required.stderr).toMatch(
      /^llem: The energy was not measured, .*: 4 of 4 completed runs have none: the window of .* \[ENERGY_LOST\]$/m,
    )
    for (const { status, result_path, started_at, completed_at } of manifest.entries) {
      expect(status).toBe('completed')
      expect(existsSync(join(campaign.dir(), result_path))).toBe(true)
      expect(Date.parse(completed_at)).toBeGreaterThan(Date.parse(started_at))
    }
  })

  it('keeps a log of each run', async () => {
    const campaign = campaignOf(shortCampaign(1))
    await campaign.run()
    const [name = ''] = readdirSync(join(campaign.dir(), 'runs'))
    const log = readFileSync(join(campaign.dir(), 'runs', name, 'cycle-1', 'run.log'), 'utf8')
    expect(log).toMatch(/^\d{4}-\d\d-\d\dT.*Loading /m)
  })

  atNight('of one cycle has its numbers without intervals, and says what gives them', async () => {
    const { stdout } = await campaignOf(shortCampaign(1)).run()
    expect(stdout).toMatch(
      /\nexperiment +n +J\/output token +energy \(J\) +throughput \(tokens\/s\) .*\(ms\)/,
    )
    expect(stdout).not.toContain('95 %')
    expect(stdout).toMatch(/\n\nSingle cycle: use --cycles 3\+ for confidence intervals\n$/)
  })

  atNight('with --json prints the manifest and nothing else', async () => {
    const { stdout } = await campaignOf(shortCampaign(1)).run('--json')
    expect(JSON.parse(stdout)).toMatchObject({ state: 'completed', counts: { completed: 1 } })
  })

  it('only looked at does and leaves nothing', async () => {
    const campaign = campaignOf(shortCampaign(3, 'cycles: 2'))
    const dry = await campaign.run('--dry-run')
    expect(dry).toMatchObject({ code: 0 })
    expect(dry.stdout).toMatch(/^# {2}cycle {2}experiment/)
    expect(dry.stdout).toContain('Left: 6 runs; gaps alone take 0s.')
    const valid = await campaign.run('--validate-only', '--json')
    expect(JSON.parse(valid.stdout).experiments).toHaveLength(3)
    expect(existsSync(campaign.resultsDir)).toBe(false)
  })

  atNight('estimates what is left by what has run', async () => {
    const campaign = campaignOf(shortCampaign(2, 'cycles: 1'))
    await campaign.run()
    const [name = ''] = readdirSync(join(campaign.dir(), 'runs'))
    rmSync(join(campaign.dir(), 'runs', name), { recursive: true })
    const { stdout } = await campaign.run('--dry-run')
    expect(stdout).toMatch(/Left: 1 runs, about \d+s, .* MB \(0 of them have run before\)\./)
  })
})

describe('the model', () => {
  const two = shortCampaign(1, 'cycles: 2')

  it('stays loaded for the next experiment that has the same', async () => {
    const campaign = campaignOf(two)
    await campaign.run()
    const workers = [...resultsIn(campaign.dir()).values()].flat().map(({ path }) => {
      return JSON.parse(readFileSync(path, 'utf8')).process_results[0]
    })
    expect(workers.map(({ kept_loaded }) => kept_loaded).sort()).toEqual([false, true])
    expect(new Set(workers.map(({ pid }) => pid)).size).toBe(1)
  })

  atNight('is loaded anew by a cold start', async () => {
    const campaign = campaignOf(two)
    await campaign.run('--force-cold-start')
    const workers = [...resultsIn(campaign.dir()).values()].flat().map(({ path }) => {
      return JSON.parse(readFileSync(path, 'utf8')).process_results[0]
    })
    expect(workers.map(({ kept_loaded }) => kept_loaded)).toEqual([false, false])
    expect(new Set(workers.map(({ pid }) => pid)).size).toBe(2)
  })
})

describe('an experiment that fails', () => {
  const text = shortCampaign(3).replace(
    'generation.max_tokens: [4, 5, 6]',
    'generation.max_tokens: [4, 300, 6]',
  )

  it('is told, and the campaign goes on; resuming repeats it alone', async () => {
    const campaign = campaignOf(text)
    const first = await campaign.run()
    expect(first.code).toBe(1)
    expect(first.stderr).toMatch(/_max_tokens=300, cycle 1 failed: .* \[OPTIONS_INVALID\]\n/)
    expect(first.stdout).toMatch(/^Campaign short: completed: 2 completed \(2 without energy\), 1 failed\n/)
    const before = resultsIn(campaign.dir())
    expect(before.size).toBe(2)
    const second = await campaign.run('--resume')
    expect(second.stderr).toContain('Resuming: 1 remaining (2 completed, 1 failed)\n')
    expect(resultsIn(campaign.dir())).toEqual(before)
    const { entries } = await campaign.status()
    expect(entries.map(({ status, attempts }) => `${status} ${attempts}`)).toEqual([
      'completed 1',
      'failed 2',
      'completed 1',
    ])
  })

  atNight('is tried once more at the end with --retry-failed', async () => {
    const campaign = campaignOf(text)
    await campaign.run('--retry-failed')
    const { entries } = await campaign.status()
    expect(entries[1]).toMatchObject({ status: 'failed', attempts: 2, error: { code: 'OPTIONS_INVALID' } })
  })

  atNight('by killing its own process costs that experiment and no other', async () => {
    const campaign = campaignOf(shortCampaign(3).replace('n_prompts: 2', 'n_prompts: 400'))
    const { child, ended } = campaign.start()
    await runs(campaign.dir)
    process.kill(await runnerOf(child), 'SIGKILL')
    const { code, stderr } = await ended
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /cycle 1 failed: the experiment worker was killed by SIGKILL during \w+ \[WORKER_DIED\]\n/,
    )
    expect((await campaign.status()).counts).toMatchObject({ completed: 2, failed: 1 })
  })

  it('by taking too long is ended, and what it started with it', async () => {
    const campaign = campaignOf(
      `${shortCampaign(2, 'cycles: 1, experiment_timeout_seconds: 2')}`.replace('n_prompts: 2', LONG),
    )
    const { child, ended } = campaign.start()
    await runs(campaign.dir)
    const runner = await runnerOf(child)
    const { code, stderr } = await ended
    expect(code).toBe(1)
    expect(stderr.match(/took longer than 2 s and was ended \[EXPERIMENT_TIMEOUT\]/g)).toHaveLength(2)
    expect(isRunning(runner)).toBe(false)
  })

  it('like many before it pauses the campaign, which says why and can go on', async () => {
    const failing = shortCampaign(6, 'cycles: 1, max_equal_failures: 2').replace(
      /max_tokens: \[.*?\]/,
      'max_tokens: [300, 301, 302, 303]',
    )
    const campaign = campaignOf(failing)
    const { code, stderr } = await campaign.run()
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /\nPaused: 2 runs in a row failed: .* \[OPTIONS_INVALID\]\. Run it again to go on\.\n/,
    )
    const { state, reason, counts } = await campaign.status()
    expect({ state, counts }).toMatchObject({ state: 'paused', counts: { failed: 2, pending: 2 } })
    expect(reason).toMatch(/^2 runs in a row failed/)
  })
})

describe('a campaign that is interrupted', () => {
  it('by Ctrl-C ends within seconds with 130, leaves no process, and goes on later', async () => {
    const campaign = campaignOf(shortCampaign(2).replace('n_prompts: 2', 'n_prompts: 250'))
    const { child, ended } = campaign.start()
    await runs(campaign.dir)
    const runner = await runnerOf(child)
    const pids = [runner, ...childrenOf(runner)]
    const startMs = performance.now()
    child.kill('SIGINT')
    const { code, stderr } = await ended
    expect(code).toBe(130)
    expect(stderr).toMatch(
      /\nllem: the campaign was interrupted\. Run it again to go on: what is completed is kept\. \[INTERRUPTED\]\n$/,
    )
    expect(performance.now() - startMs).toBeLessThan(5000)
    for (const pid of pids) expect(isRunning(pid)).toBe(false)
    const status = await campaign.status()
    expect(status).toMatchObject({ state: 'interrupted', counts: { running: 0, failed: 0 } })
    campaign.rewrite(shortCampaign(2).replace('n_prompts: 2', 'n_prompts: 250'))
    expect(await campaign.run()).toMatchObject({ code: 0 })
    expect((await campaign.status()).counts.completed).toBe(2)
  })

  it('in a gap ends at once', async () => {
    const campaign = campaignOf(
      shortCampaign(2, 'cycles: 1, config_gap_seconds: 600').replace('config_gap_seconds: 0, ', ''),
    )
    const { child, ended } = campaign.start('-v')
    let stderr = ''
    child.stderr?.on('data', (text: string) => {
      stderr += text
    })
    await runs(campaign.dir)
    const done = async () => (await campaign.status()).counts.completed === 1
    while (!(await done())) if (child.exitCode !== null) throw new Error(stderr)
    const startMs = performance.now()
    child.kill('SIGTERM')
    expect((await ended).code).toBe(130)
    expect(performance.now() - startMs).toBeLessThan(5000)
  })
})

describe('two that run one campaign', () => {
  it('are one too many: the second is refused and says who is first', async () => {
    const campaign = campaignOf(shortCampaign(1).replace('n_prompts: 2', LONG))
    const { child, ended } = campaign.start()
    await runs(campaign.dir)
    const second = await campaign.run()
    expect(second.code).toBe(2)
    expect(second.stderr).toMatch(
      new RegExp(
        `llem: llem \\(pid ${child.pid} on .* is running this campaign\\. .* \\[CAMPAIGN_RUNNING\\]\\n$`,
      ),
    )
    expect((await campaign.status()).state).toBe('running')
    child.kill('SIGINT')
    await ended
  })

  atNight('one after the other, the first killed, are none', async () => {
    const campaign = campaignOf(shortCampaign(1).replace('n_prompts: 2', 'n_prompts: 250'))
    const { child, ended } = campaign.start()
    await runs(campaign.dir)
    const runner = await runnerOf(child)
    child.kill('SIGKILL')
    await ended
    expect(await campaign.run()).toMatchObject({ code: 0 })
    expect(await endsWithin(runner, 5000)).toBe(true)
    expect((await campaign.status()).counts.completed).toBe(1)
  })
})

describe('files that are damaged', () => {
  it('are named, set aside and measured again; a result beside them still counts', async () => {
    const campaign = campaignOf(shortCampaign(2))
    await campaign.run()
    const [one = '', other = ''] = readdirSync(join(campaign.dir(), 'runs'))
    const record = (name: string) => join(campaign.dir(), 'runs', name, 'cycle-1', 'run.json')
    writeFileSync(record(one), '{"status": "comp')
    writeFileSync(join(campaign.dir(), 'plan.json'), '')
    writeFileSync(join(campaign.dir(), 'manifest.json'), 'nonsense')
    const [result] = resultsIn(campaign.dir()).get(`${other}/cycle-1`) ?? []
    rmSync(String(result?.path))
    const { code, stderr } = await campaign.run()
    expect(code).toBe(0)
    expect(stderr).toMatch(/Note: \S+run\.json cannot be read \(.*\); it is now \S+run\.json\.damaged-1\./)
    expect(stderr).toMatch(/Note: \S+result\.json is gone; its experiment is run again\./)
    expect(stderr).toContain('Resuming: 1 remaining (1 completed, 0 failed)')
    expect((await campaign.status()).counts.completed).toBe(2)
    expect(existsSync(join(campaign.dir(), 'plan.json.damaged-1'))).toBe(true)
  })
})

describe('--resume', () => {
  it('refuses a campaign that has changed, with the keys that differ', async () => {
    const campaign = campaignOf(shortCampaign(1))
    await campaign.run()
    campaign.rewrite(shortCampaign(2).replace('n_prompts: 2', 'n_prompts: 3'))
    const { code, stderr } = await campaign.run('--resume')
    expect(code).toBe(2)
    expect(stderr).toMatch(/has changed since .* was begun: n_prompts differ\. .* \[CAMPAIGN_CHANGED\]\n$/)
  })

  it('has nothing to go on with where nothing was begun', async () => {
    const { code, stderr } = await campaignOf(shortCampaign(1)).run('--resume')
    expect(code).toBe(2)
    expect(stderr).toMatch(/there is nothing to resume.* \[CAMPAIGN_MISSING\]\n$/)
  })

  atNight('turned off begins anew and keeps the old', async () => {
    const campaign = campaignOf(shortCampaign(1))
    await campaign.run()
    await campaign.run('--no-resume')
    const folders = readdirSync(campaign.resultsDir)
    expect(folders).toHaveLength(2)
    for (const folder of folders) expect(resultsIn(join(campaign.resultsDir, folder)).size).toBe(1)
  })
})
