// What sbatch refuses reaches the person with the command, the reason and what to change, and nothing is left in the queue.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { llem } from '../native/llem.js'
import { campaignOn, cluster } from './cluster.js'

vi.setConfig({ testTimeout: 60_000 })
// A controller that holds 60 jobs, refuses what no partition allows at once, and takes arrays of 20 tasks.
const slurm = cluster({ options: { MaxArraySize: 20, MaxJobCount: 60, EnforcePartLimits: 'ALL' } })

async function queue(): Promise<string> {
  return await slurm.slurm('squeue', '--noheader', '--states=PENDING,RUNNING', '--format=%i %T')
}

const SECRET = 'hf_abcdefghijklmnopqrstuvwxyzABCDEFGH'

describe('a refused submission', () => {
  it.each([
    ['a partition that is not there', 'partition: nope', 'Invalid partition name', 'sinfo -s'],
    ['more time than allowed', 'partition: short, time: "01:00:00"', 'time limit', 'slurm.time'],
    ['GPUs that no node has', 'gres: gpu:9', 'Requested node configuration', 'slurm.gres'],
    ['an option that sbatch does not know', 'sbatch_args: [--nonsense=1]', 'nonsense', 'slurm.sbatch_args'],
    ['a feature that no node has', 'constraint: h100', 'Invalid feature', 'slurm.constraint'],
    ['a node that is not there', 'nodelist: node99', 'Invalid node name', 'slurm.nodelist'],
  ])('for %s says so', async (_, keys, reason, advice) => {
    const base = keys.includes('gres') || keys.includes('time') ? keys : `gres: gpu:1, ${keys}`
    const campaign = campaignOn(slurm, { experiments: 2, only: base })
    const { code, stderr } = await campaign.submit()
    expect(code, stderr).toBe(1)
    expect(stderr).toContain('`sbatch --test-only')
    expect(stderr).toContain(reason)
    expect(stderr).toContain(advice)
    expect(stderr).toContain('[SLURM_REFUSED]')
    expect(await queue()).toBe('')
  })

  it('without Slurm names what is missing', async () => {
    const campaign = campaignOn(slurm, { experiments: 2 })
    const { code, stderr } = await campaign.llem('campaign', campaign.path, '--executor', 'slurm', '-q')
    expect(code).toBe(0)
    expect(stderr).toBe('')
    const nowhere = campaignOn({ ...slurm, env: { ...slurm.env, PATH: '/nowhere' } }, { experiments: 2 })
    const without = await nowhere.submit()
    expect(without.code).toBe(2)
    expect(without.stderr).toContain('[SLURM_MISSING]')
    expect((await campaign.llem('campaign', 'cancel', campaign.dir())).code).toBe(0)
    expect(await queue()).toBe('')
  })

  it('of a campaign with a secret happens before anything is written', async () => {
    const campaign = campaignOn(slurm, {
      experiments: 1,
      extra: 'experiment_name: hf_abcdefghijklmnopqrstuvwxyzABCDEFGH',
    })
    const { code, stderr } = await campaign.submit()
    expect(code, stderr).toBe(2)
    expect(stderr).toContain('[SLURM_SECRET]')
    expect(stderr).not.toContain('hf_abcdef')
  })

  it.each([
    ['a line of the script', { setup: [`export X=${SECRET}`] }, '[SLURM_SECRET]'],
    ['an option', { only: `sbatch_args: ["--comment=${SECRET}"]` }, '[SLURM_SECRET]'],
    [
      'a variable that is passed on',
      { only: 'env: [PATH, HF_TOKEN]' },
      'slurm.env: HF_TOKEN is named like a secret',
    ],
  ])('with a secret in %s is none', async (_, keys, told) => {
    const { code, stderr } = await campaignOn(slurm, { experiments: 1, ...keys }).submit()
    expect(code, stderr).toBe(2)
    expect(stderr).toContain(told)
    expect(stderr).not.toContain('hf_abcdef')
    expect(await queue()).toBe('')
  })

  it('that sbatch answers in words leaves nothing in the queue', async () => {
    const campaign = campaignOn(slurm, { experiments: 2 })
    const bin = join(campaign.folder, 'bin')
    const script = '#!/bin/sh\nPATH=/usr/bin:/bin sbatch "$@" | sed "s/^/Stapelauftrag /"\n'
    mkdirSync(bin)
    writeFileSync(join(bin, 'sbatch'), script, { mode: 0o755 })
    const env = { ...slurm.env, PATH: `${bin}:${process.env.PATH}` }
    const args = ['campaign', campaign.path, '--executor', 'slurm', '--simulate', '-q']
    const { code, stderr } = await llem(args, { env, cwd: campaign.folder })
    expect(code, stderr).toBe(1)
    expect(stderr).toContain('it answered "Stapelauftrag ')
    expect(await queue()).toBe('')
  })
})

describe('a submission whose process is killed', () => {
  it('leaves held jobs that the next one withdraws', async () => {
    const campaign = campaignOn(slurm, { experiments: 3 })
    // sbatch takes the array, and its answer never comes.
    const bin = join(campaign.folder, 'bin')
    const script = '#!/bin/sh\nPATH=/usr/bin:/bin sbatch "$@"\n[ "$1" = --test-only ] || kill -9 $PPID\n'
    mkdirSync(bin)
    writeFileSync(join(bin, 'sbatch'), script, { mode: 0o755 })
    const env = { ...slurm.env, PATH: `${bin}:${process.env.PATH}` }
    const args = ['campaign', campaign.path, '--executor', 'slurm', '--simulate', '-q']
    expect((await llem(args, { env, cwd: campaign.folder })).signal).toBe('SIGKILL')
    expect(await queue()).toContain('PENDING')
    const { state, entries } = await campaign.status()
    expect(state).toBe('waiting')
    expect(entries.map(({ slurm: task }) => task?.state)).toEqual(['PENDING', 'PENDING', 'PENDING'])
    const again = await campaign.submit()
    expect(again.stdout, again.stderr).toContain('Submitted 3 runs')
    const left = await slurm.slurm(
      'squeue',
      '--noheader',
      '--array',
      '--states=PENDING,RUNNING',
      '--format=%i',
    )
    expect(left.trim().split('\n').length).toBeLessThanOrEqual(3)
    expect((await campaign.llem('campaign', 'cancel', campaign.dir())).code).toBe(0)
  })
})

describe('a queue that is full', () => {
  it('withdraws the arrays that were taken before the queue was full', async () => {
    const campaign = campaignOn(slurm, { experiments: 80 })
    const { code, stderr } = await campaign.submit()
    expect(code, stderr).toBe(1)
    expect(stderr).toMatch(/chunk-[23]\.sh` failed: /)
    expect(stderr).toContain('temporarily unable to accept job')
    expect(stderr).toContain('slurm.pair_on')
    expect(await queue()).toBe('')
    const { counts } = await campaign.status()
    expect(counts).toMatchObject({ pending: 80, running: 0, failed: 0 })
  })
})
