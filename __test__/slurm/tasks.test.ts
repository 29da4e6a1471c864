// A plan -> array tasks and scripts, without a cluster.

import { describe, expect, it } from 'vitest'
import { roundOrder } from '../../dist/campaign/order.js'
import { planOf } from '../../dist/campaign/plan.js'
import { loadCampaign } from '../../dist/config/load-campaign.js'
import { slurmSchema } from '../../dist/config/schema-slurm.js'
import { limitsIn } from '../../dist/slurm/limits.js'
import { sbatchEnvironment, scriptOf } from '../../dist/slurm/script.js'
import { chunksOf } from '../../dist/slurm/tasks.js'

function planned(execution: string, experiments = 3) {
  const tokens = Array.from({ length: experiments }, (_, index) => index + 1)
  const text = `campaign_name: x\nmodel: x.gguf\ngrid: { shared: { generation.max_tokens: [${tokens.join(', ')}] } }\nexecution: { ${execution} }\n`
  const loaded = loadCampaign({ path: 'x.yaml', text })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const plan = planOf(loaded)
  return { plan, runs: [...roundOrder(plan, 1)] }
}

describe('array tasks', () => {
  it('are the runs in the order of the plan, in arrays that the cluster takes', () => {
    const { plan, runs } = planned('cycles: 3')
    const chunks = chunksOf(runs, plan, null, 4)
    expect(chunks.map(({ tasks }) => tasks.length)).toEqual([4, 4, 1])
    expect(chunks.flatMap(({ tasks }) => tasks.flat())).toEqual(runs)
    expect(chunks.every(({ after }) => after.length === 0)).toBe(true)
  })

  it.each([
    ['pair_on', 'cycles: 3', 'board'],
    ['a Latin square', 'cycles: 3, structure: latin_square', null],
  ] as const)('have all runs of a cycle with %s', (_, execution, pairOn) => {
    const { plan, runs } = planned(execution)
    const [chunk, ...others] = chunksOf(runs, plan, pairOn, 1001)
    expect(others).toEqual([])
    expect(chunk?.tasks.map((task) => [task.length, new Set(task.map(({ cycle }) => cycle)).size])).toEqual([
      [3, 1],
      [3, 1],
      [3, 1],
    ])
  })

  it('of later cycles wait where earlier ones may be enough, in few blocks', () => {
    const { plan, runs } = planned('cycles: 100, until_ci_pct: 2')
    const chunks = chunksOf(runs, plan, null, 1001)
    expect(chunks.length).toBeLessThanOrEqual(20)
    expect(chunks.map(({ after }) => after)).toEqual(chunks.map((_, place) => (place === 0 ? [] : [place])))
    expect(chunks.flatMap(({ tasks }) => tasks.flat())).toEqual(runs)
    expect(Math.max(...(chunks[0]?.tasks.flat() ?? []).map(({ cycle }) => cycle))).toBe(5)
  })

  it('wait for every array of the block before', () => {
    const { plan, runs } = planned('cycles: 6, until_ci_pct: 2')
    expect(chunksOf(runs, plan, null, 10).map(({ after }) => after)).toEqual([[], [], [1, 2]])
  })
})

describe('the limits of a cluster', () => {
  it('are those of scontrol show config', () => {
    const text = 'MaxArraySize            = 1001\nAccountingStorageType   = accounting_storage/slurmdbd\n'
    expect(limitsIn(text)).toEqual({ maxArraySize: 1001, hasAccounting: true })
    expect(
      limitsIn('MaxArraySize = 5000\nSchedulerParameters = defer,max_array_tasks=100\n').maxArraySize,
    ).toBe(100)
    expect(limitsIn('MaxArraySize = 0\n')).toEqual({ maxArraySize: 1, hasAccounting: false })
  })
})

describe('a script', () => {
  const chunk = {
    number: 1,
    after: [],
    tasks: [[{ experiment: 0, cycle: 1 }], [{ experiment: 1, cycle: 1 }]],
  }
  const context = {
    jobName: 'llem-abc-1-1',
    dir: "/data/it's here",
    logs: '/data/100%/logs',
    tasks: '/data/chunk-1.json',
    workDir: '/home/me/my work',
    excluded: ['node07'],
  }

  it('has every key, and paths that no shell and no Slurm misreads', () => {
    const slurm = slurmSchema.parse({
      ...{ partition: 'gpu', account: 'a', qos: 'q', time: '01:00:00', gpus_per_task: 'a100:1' },
      ...{ constraint: 'a100|h100', nodelist: 'node[01-09]', exclude: 'node03', exclusive: true },
      ...{ max_parallel: 4, modules: ['cuda/12.4', 'gcc'], setup: ['export A="b c"'] },
    })
    const text = scriptOf(chunk, { ...context, slurm })
    for (const option of [
      'array=0-1%4',
      'chdir="/home/me/my work"',
      'output=/data/100%%/logs/%A_%a.log',
      'exclude=node03,node07',
      'gpus-per-task=a100:1',
      'exclusive',
      'requeue',
      'time=01:00:00',
      'constraint=a100|h100',
    ])
      expect(text.split('\n')).toContain(`#SBATCH --${option}`)
    expect(text).toContain('module load cuda/12.4 gcc || exit 1\nexport A="b c"\nexec ')
    expect(text).toMatch(/campaign task '\/data\/it'\\''s here' \/data\/chunk-1\.json\n$/)
    expect(text).toMatch(/^#SBATCH --export=(?!ALL)/m)
  })

  it('wins over variables of the shell, which count where it says nothing', () => {
    const script = scriptOf(chunk, { ...context, slurm: slurmSchema.parse({ partition: 'gpu' }) })
    const env = { SBATCH_PARTITION: 'x', SBATCH_ARRAY_INX: '1', SBATCH_EXPORT: 'ALL', SBATCH_ACCOUNT: 'mine' }
    expect(sbatchEnvironment(env, script)).toEqual({ SBATCH_ACCOUNT: 'mine' })
  })
})

describe('the keys of slurm', () => {
  it.each([
    ['slurm: { partion: gpu }', 'partition'],
    ['slurm: { gpus: 1, gres: gpu:1 }', 'slurm.gpus and slurm.gres ask for GPUs: give one of them'],
    ['slurm: { sbatch_args: [--array=1-3] }', 'llem gives --array itself'],
    ['slurm: { partition: "a b" }', 'without blanks'],
    ['slurm: { time: soon }', 'HH:MM:SS'],
  ])('%s is told', (text, told) => {
    const base = 'campaign_name: x\nmodel: x.gguf\nexperiments: [{ n_prompts: 1 }]\n'
    const loaded = loadCampaign({ path: 'x.yaml', text: `${base}${text}\n` })
    expect(loaded.ok).toBe(false)
    expect(JSON.stringify(loaded)).toContain(told)
  })
})
