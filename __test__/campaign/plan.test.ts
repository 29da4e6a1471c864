import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { planOf, summaryOf } from '../../dist/campaign/plan.js'
import { loadCampaign } from '../../dist/config/load-campaign.js'
import { loaded, planned, problemsOf } from './written.js'

const names = (text: string) => planned(text).experiments.map(({ name }) => name)

describe('a grid', () => {
  const grid = `
campaign_name: grid
model: m.gguf
grid:
  models: [a.gguf, b.gguf]
  shared:
    generation.max_tokens: [16, 32]
    n_prompts: [5]
`

  it('is every combination, the last key fastest', () => {
    expect(names(grid)).toEqual([
      'llamacpp_a_max_tokens=16_n_prompts=5',
      'llamacpp_a_max_tokens=32_n_prompts=5',
      'llamacpp_b_max_tokens=16_n_prompts=5',
      'llamacpp_b_max_tokens=32_n_prompts=5',
    ])
  })

  it('gives the same plan byte for byte, and another hash for any change', () => {
    expect(JSON.stringify(planned(grid))).toBe(JSON.stringify(planned(grid)))
    const hash = planned(grid).campaign_hash
    expect(planned(grid.replace('[16, 32]', '[16, 64]')).campaign_hash).not.toBe(hash)
    expect(planned(`${grid}\nexecution: { cycles: 2 }`).campaign_hash).not.toBe(hash)
    expect(planned(`# a comment\n${grid}`).campaign_hash).toBe(hash)
  })

  it('keeps what the schema takes and filters the rest with its reason', () => {
    const plan = planned(grid.replace('[16, 32]', '[16, 0, ten]'))
    expect(summaryOf(plan)).toBe('Generated 2 experiments (4 filtered, 0 warnings)')
    expect(plan.filtered[0]).toEqual({
      own: { model: 'a.gguf', generation: { max_tokens: 0 }, n_prompts: 5 },
      reason: 'generation.max_tokens must be a whole number of at least 1 (tokens), got 0',
    })
  })

  it('filters a point that breaks a rule between two keys', () => {
    const plan = planned(grid.replace('n_prompts: [5]', 'warmup.max_prompts: [4, 10]'))
    expect(plan.experiments).toHaveLength(4)
    expect(plan.filtered.map(({ reason }) => reason)[0]).toMatch(
      /^warmup\.window_size .* must not exceed warmup\.max_prompts/,
    )
  })

  it('has keys of one backend alone', () => {
    const own =
      'grid:\n  backends: [llamacpp]\n  backend_overrides: { llamacpp: { llamacpp.threads: [1, 2], n_prompts: 3 } }'
    expect(names(`campaign_name: c\nmodel: m.gguf\n${own}`)).toEqual([
      'llamacpp_m_threads=1_n_prompts=3',
      'llamacpp_m_threads=2_n_prompts=3',
    ])
  })

  it('warns of what may need other hardware and keeps it', () => {
    const plan = planned('campaign_name: c\nmodel: m.gguf\ngrid: { shared: { processes: [1, 2] } }')
    expect(plan.experiments).toHaveLength(2)
    expect(plan.warnings).toEqual(['processes=2: processes: 2 shares GPUs unless there are 2 of them.'])
  })
})

describe('experiments', () => {
  it('runs a model once that is called by several paths', () => {
    const folder = mkdtempSync(join(tmpdir(), 'llem-paths-'))
    const path = join(folder, 'tiny.gguf')
    writeFileSync(path, '')
    const here = relative(process.cwd(), path)
    const models = JSON.stringify([path, here, `./${here}`, 'elsewhere.gguf'])
    const campaign = loadCampaign({ path: 'c.yaml', text: `campaign_name: c\ngrid: { models: ${models} }` })
    if (!campaign.ok) throw new Error(JSON.stringify(campaign.problems))
    const { experiments, warnings } = planOf(campaign)
    expect(experiments.map(({ own }) => own.model)).toEqual([path, 'elsewhere.gguf'])
    expect(warnings).toHaveLength(2)
  })

  it('are those of the list, of files and of the grid, each content once', () => {
    const folder = mkdtempSync(join(tmpdir(), 'llem-test-'))
    writeFileSync(join(folder, 'one.yaml'), 'model: f.gguf\nn_prompts: 7\n')
    writeFileSync(
      join(folder, 'campaign.yaml'),
      `campaign_name: all
configs: [one.yaml]
experiments:
  - { model: e.gguf }
  - { model: f.gguf, n_prompts: 7 }
grid: { models: [g.gguf, e.gguf] }
generation: { max_tokens: 9 }
`,
    )
    const campaign = loadCampaign({ path: join(folder, 'campaign.yaml') })
    if (!campaign.ok) throw new Error(JSON.stringify(campaign.problems))
    const plan = planOf(campaign)
    expect(plan.experiments.map(({ name, origin }) => [name, origin])).toEqual([
      ['llamacpp_f_n_prompts=7', 'one.yaml'],
      ['llamacpp_e', 'experiments[0]'],
      ['llamacpp_g', 'grid'],
    ])
    expect(plan.warnings).toHaveLength(2)
    expect(plan.warnings[0]).toMatch(
      /^experiments\[1\]: .* is the same experiment as .* of one\.yaml; it is run once\.$/,
    )
  })

  it('have names that are unique and safe as folders, whatever they are called', () => {
    const list = ['a b', 'a/b', 'A-B', 'a-b-2', '../x', '...'].map((name) => `  - { model: "${name}.gguf" }`)
    const all = names(`campaign_name: c\nexperiments:\n${list.join('\n')}`)
    expect(new Set(all.map((name) => name.toLowerCase())).size).toBe(all.length)
    for (const name of all) expect(name).toMatch(/^[A-Za-z0-9_=][A-Za-z0-9._=-]*$/)
  })

  it('that differ in an axis that no name shows are still apart', () => {
    const plan = planned(
      'campaign_name: c\nmodel: m.gguf\nexperiment_name: same\ngrid: { shared: { n_prompts: [1, 2] } }',
    )
    expect(plan.experiments.map(({ name }) => name)).toEqual(['same', 'same-2'])
    expect(plan.experiments[0]?.hash).not.toBe(plan.experiments[1]?.hash)
  })
})

describe('a campaign of the older shape', () => {
  it('is read, and says how', () => {
    const text = `
campaign_name: old
model: m.gguf
sweep:
  generation.max_tokens: [16, 32]
  model: [a.gguf]
execution:
  n_cycles: 4
  cycle_order: sequential
io: { state_dir: ./state }
`
    expect(loaded(text).notes).toEqual([
      "`io.state_dir` is not needed: a campaign's state is in its folder below io.results_dir",
      '`sweep` was read as `grid`',
      '`execution.n_cycles` was read as `execution.cycles`',
      '`execution.cycle_order` was read as `execution.structure`',
    ])
    expect(planned(text).execution).toMatchObject({ cycles: 4, structure: 'grouped' })
    expect(names(text)).toEqual(['llamacpp_a_max_tokens=16', 'llamacpp_a_max_tokens=32'])
  })

  it('has its problems where they were written', () => {
    expect(problemsOf('campaign_name: old\nmodel: m\nsweep:\n  generation.max_token: [1]\n')).toEqual([
      'campaign.yaml:4:3: unknown key `generation.max_token` in the grid; did you mean `generation.max_tokens`?',
    ])
  })
})

describe('health checks', () => {
  const plain = 'campaign_name: a\nexperiments: [{ model: m.gguf }]'

  it('are on by default, after every cycle, with at most three restarts', () => {
    expect(loaded(plain).keys.health_check).toEqual({
      enabled: true,
      interval_experiments: 0,
      gpu_memory_threshold_pct: 90,
      restart_on_failure: true,
      max_restarts: 3,
    })
  })

  it('are no part of what a campaign is: its hash and its folder stay', () => {
    const other = `${plain}\nhealth_check: { enabled: false }`
    expect(planned(other).campaign_hash).toBe(planned(plain).campaign_hash)
  })

  it.for(['gpu_memory_threshold_pct: 49', 'max_restarts: -1', 'interval_experiment: 3'])(
    'with %s are refused where it stands',
    (key) => {
      const [problem, ...others] = problemsOf(`${plain}\nhealth_check: { ${key} }`)
      expect(others).toEqual([])
      expect(problem).toMatch(new RegExp(`\\b${key.split(':')[0]}\\b.*`))
    },
  )
})

describe('problems', () => {
  it('are all told at once, where they are and with what to type', () => {
    expect(
      problemsOf(`campaign_name: a/b
model: m.gguf
n_promts: 3
gird: {}
warmup: { cv_threshold: 2 }
experiments:
  - { model: e.gguf, n_prompts: 0 }
grid:
  shared:
    generation.max_token: [1]
    n_prompts: 5
    generation.seed: []
execution: { cycles: 1001, structur: grouped }
`),
    ).toEqual([
      'campaign.yaml:1:16: campaign_name must be text of 1 to 100 characters without \'/\' and control characters, got the text "a/b"',
      'campaign.yaml:3:1: unknown key `n_promts`; did you mean `n_prompts`?',
      'campaign.yaml:4:1: unknown key `gird`; did you mean `grid`?',
      'campaign.yaml:5:25: warmup.cv_threshold must be a number from 0 to 1, got 2',
      'campaign.yaml:13:22: execution.cycles must be a whole number from 1 to 1000 (cycles), got 1001',
      'campaign.yaml:13:28: unknown key `structur` under `execution`; did you mean `structure`?',
    ])
  })

  it('of the grid and of the list too', () => {
    expect(
      problemsOf(`campaign_name: c
model: m.gguf
experiments:
  - { model: e.gguf, n_prompts: 0, promts: builtin }
grid:
  shared:
    generation.max_token: [1]
    n_prompts: 5
    generation.seed: []
`),
    ).toEqual([
      'campaign.yaml:4:33: n_prompts must be a whole number from 1 to 100000 (prompts), got 0',
      'campaign.yaml:4:36: unknown key `promts`; did you mean `prompts`?',
      'campaign.yaml:7:5: unknown key `generation.max_token` in the grid; did you mean `generation.max_tokens`?',
      'campaign.yaml:8:16: n_prompts must be a list of values; write [5]',
      'campaign.yaml:9:22: generation.seed has no values; give at least one, or leave it out',
    ])
  })

  it('are that there is nothing to run', () => {
    expect(problemsOf('campaign_name: c\nmodel: m.gguf\n')).toEqual([
      "campaign.yaml:1:1: At least one of 'configs', 'grid', or 'experiments' must be provided",
    ])
  })

  it('of a file that is named are in that file', () => {
    const [problem] = problemsOf('campaign_name: c\nconfigs: [nowhere.yaml]\n')
    expect(problem).toMatch(/nowhere\.yaml: there is no such file$/)
  })
})
