// `llem compare` on a real campaign: two servers, of which one takes six times the time for each token.

import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { comparisonSchema } from '../../dist/compare/compare.js'
import { cyclePlanSchema } from '../../dist/compare/cycles.js'
import { frontSchema } from '../../dist/compare/front.js'
import { markdownText } from '../../dist/core/markdown.js'
import { scratchFolder } from '../native/scenario.js'
import { atNight } from '../setup/at-night.js'
import { measuredServers, TRUE_RATIO, type TwoServers } from './two-servers.js'

vi.setConfig({ testTimeout: 60_000 })

let two: TwoServers
let fast: string
let slow: string

beforeAll(async () => {
  two = await measuredServers()
  fast = join(two.dir, two.fast)
  slow = join(two.dir, two.slow)
}, 240_000)
afterAll(() => two?.end())

/** The folder of a run's result. */
function resultOf(name: string, cycle: number): string {
  const folder = join(two.dir, 'runs', name, `cycle-${cycle}`)
  const [run = ''] = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name: each }) => each)
  return join(folder, run)
}

describe('llem compare', () => {
  it('says in one sentence how much more the slow server uses, and ends with 3', async () => {
    const { code, stdout, stderr } = await two.run('compare', fast, slow)
    const [headline, answer] = stdout.split('\n')
    expect(headline).toMatch(
      new RegExp(
        `^${two.slow} uses [\\d.]+ % more energy per output token than ${two.fast} \\(95 % CI .*, paired by cycle, n = 3\\)\\.$`,
      ),
    )
    expect(answer).toBe('Worse by more than 3 %: shown.')
    expect(stderr).toContain('SIMULATED')
    expect(code).toBe(3)
  })

  it('ends with 0 the other way round, also by the folders of the runs', async () => {
    const { code, stdout } = await two.run(
      'compare',
      join(two.dir, 'runs', two.slow),
      join(two.dir, 'runs', two.fast),
    )
    expect(stdout).toMatch(/ uses [3-9]\d(\.\d+)? % less energy per output token than /)
    expect(code).toBe(0)
  })

  it('has as JSON what its schema says, near to the truth', async () => {
    const { stdout } = await two.run('compare', fast, slow, '--json')
    const comparison = comparisonSchema.parse(JSON.parse(stdout))
    const { ratio } = comparison.pairs[0]?.metrics.find(({ metric }) => metric === 'itl_p50_ms') ?? {}
    expect(comparison).toMatchObject({
      answer: 'regression',
      simulated: true,
      gated: ['energy_per_output_token_j'],
    })
    expect(Math.abs(Number(ratio?.value) / TRUE_RATIO - 1)).toBeLessThan(0.5)
  })

  it('is Markdown for a pull request, in which names are no markup', async () => {
    const { stdout } = await two.run('compare', fast, slow, '--format', 'md')
    expect(stdout).toContain(`**${markdownText(two.slow)} uses `)
    expect(stdout).toMatch(/^\| J\/output token \| [\d.]+ \| [\d.]+ \| \+[\d.]+ % \| /m)
  })

  it('compares single results by what their measurement may be off, and is not decided where that is wide', async () => {
    const runs = [resultOf(two.fast, 1), resultOf(two.fast, 2)]
    const { stdout: json } = await two.run('compare', ...runs, '--json')
    const { value } = JSON.parse(json).pairs[0].metrics[0].ratio
    // The margin is where the two are, so that nothing can be told of it.
    const [sides, margin] = value > 1 ? [runs, value - 1] : [[...runs].reverse(), 1 / value - 1]
    const args = ['compare', ...sides, '--max-regression', `${(100 * margin).toFixed(6)}%`]
    const { code, stdout } = await two.run(...args)
    expect(stdout).toContain('one run each: the uncertainty of the measurement alone')
    expect(stdout).toContain('is not decided')
    expect(code).toBe(4)
    expect((await two.run(...args, '--on-undecided', 'pass')).code).toBe(0)
    const more = await two.run(...args, '--on-undecided', 'more')
    expect([more.code, more.stderr]).toEqual([4, expect.stringContaining('More cycles would not decide it.')])
  })

  it('compares simulated with simulated only', async () => {
    const folder = scratchFolder()
    cpSync(resultOf(two.fast, 1), folder, { recursive: true })
    const path = join(folder, 'result.json')
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), simulated: false }))
    const { code, stderr, stdout } = await two.run('compare', folder, slow)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/whether it is simulated: of hardware and simulated.*\[COMPARE_REFUSED\]/)
  })

  it.each([
    [['nowhere', 'nowhere'], /no folder of a result.*\[RESULT_MISSING\]/],
    [
      ['--metric', 'energy_per_output_tokens_j'],
      /Did you mean energy_per_output_token_j\? \[OPTIONS_INVALID\]/,
    ],
    [['--allow', 'simulated'], /is not one of scope, tokens, workload/],
    [['--max-regression', '0.03x'], /It must be a percentage between 0 and 100, as in 3%\./],
    [['--metric', 'duration_s'], /cannot be compared by duration_s: neither has it.*--metric: energy/],
  ])('ends with 2 for %j', async (args, words) => {
    const { code, stderr } = await two.run(
      'compare',
      ...(args.length > 1 && args[0] === 'nowhere' ? args : [fast, slow, ...args]),
    )
    expect(stderr.replaceAll('\n', ' ')).toMatch(words)
    expect(code).toBe(2)
  })

  it('knows what a mistyped name of an experiment means', async () => {
    const { code, stderr } = await two.run('compare', fast, `${slow.slice(0, -1)}`)
    expect([code, stderr]).toEqual([2, expect.stringContaining(`Did you mean ${slow}? [SERIES_MISSING]`)])
  })
})

describe('llem compare of a whole campaign', () => {
  it('says which experiments are on the front, and which of those that keep an objective uses least', async () => {
    const { code, stdout } = await two.run('compare', two.dir, '--slo', 'itl_p50_ms=1000')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^2 of 2 experiments are shown to keep ITL p50 <= 1000 ms\. /)
    expect(stdout).toContain(` ${two.fast} uses least: `)
    const { points } = frontSchema.parse(JSON.parse((await two.run('compare', two.dir, '--json')).stdout))
    expect(points.map(({ name }) => name)).toEqual([two.fast, two.slow])
    expect(points[0]?.standing).toMatchObject({ output_tokens_per_second: 'front', itl_p50_ms: 'front' })
    expect(points[1]?.standing.itl_p50_ms).not.toBe('front')
    const markdown = await two.run('compare', two.dir, '--format', 'md')
    expect(markdown.stdout).toMatch(/^> SIMULATED[\s\S]*^\| experiment \| n \| J\/output token \|/m)
  })

  it.each([
    [['--slo', 'ttft_p50_ms<fast'], /Write it as in --slo ttft_p50_ms=200/],
    [['--slo', 'ttft_p5_ms=2'], /Did you mean ttft_p50_ms\?/],
  ])('ends with 2 for %j', async (args, words) => {
    const { code, stderr } = await two.run('compare', two.dir, ...args)
    expect([code, stderr]).toEqual([2, expect.stringMatching(words)])
  })
})

describe('llem campaign --until-ci', () => {
  atNight(
    'pauses before more energy than --max-kwh, goes on, ends once it knows enough, and is quoted by 97 %',
    async () => {
      const another = two.another('cycles: 3, structure: latin_square')
      const [until, json] = [['--until-ci', '50%'], '--json']
      const paused = await another.run(...until, '--max-kwh', '0.0005', json)
      const { state, reason, counts } = JSON.parse(paused.stdout)
      expect([paused.code, state]).toEqual([1, 'paused'])
      expect(reason).toMatch(/^\d runs took 0\.000\d+ kWh, and one more would go beyond 0\.0005 kWh$/)
      expect(counts.completed).toBeLessThanOrEqual(3)
      const ended = await another.run(...until, json)
      const told = JSON.parse(ended.stdout)
      // Five where the machine is quiet.
      const [, cycles] =
        /^enough after (\d+) cycles: no interval reaches further than 50 %$/.exec(told.reason) ?? []
      expect(Number(cycles)).toBeGreaterThanOrEqual(5)
      expect([ended.code, told.state, told.counts]).toMatchObject([
        0,
        'completed',
        { completed: 2 * Number(cycles), pending: 0 },
      ])
      expect(told.statistics.experiments[0].energy_per_output_token_j.quoted).toMatchObject({
        coverage: 0.97,
      })
      const again = await another.run(...until)
      expect(again.stdout).toContain(`${2 * Number(cycles)} completed`)
      expect(again.stdout).toContain('one of 97 %')
      const compared = await two.run(
        'compare',
        join(another.dir(), two.slow),
        join(another.dir(), two.fast),
        '--json',
      )
      expect(JSON.parse(compared.stdout)).toMatchObject({ coverage: 0.97, answer: 'not_worse' })
    },
    300_000,
  )

  it('is refused with a daemon, and with fewer cycles than it needs', async () => {
    const another = two.another('cycles: 3')
    expect(await another.run('--until-ci', '2%', '--cycles', '4')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        'at least 5, e.g. 100, got 4. Give --cycles 100, or leave it away. [OPTIONS_INVALID]',
      ),
    })
  })
})

describe('llem plan-cycles', () => {
  it('says how many cycles tell a difference, in one campaign and between two', async () => {
    const { code, stdout } = await two.run('plan-cycles', two.dir, '--detect', '2%', '--json')
    const { paired, apart } = cyclePlanSchema.parse(JSON.parse(stdout))
    expect(code).toBe(0)
    expect([paired?.n, apart.map(({ n }) => n)]).toEqual([3, [3, 3]])
    const text = await two.run('plan-cycles', two.dir, '--detect', '2%')
    expect(text.stdout).toContain(
      'To tell a difference of 2 % in J/output token, 80 % of the time, by a test at 5 %:',
    )
  })

  it('needs two cycles', async () => {
    const { code, stderr } = await two.run('plan-cycles', resultOf(two.fast, 1), '--detect', '2%')
    expect([code, stderr]).toEqual([2, expect.stringContaining('[CYCLES_TOO_FEW]')])
  })
})
