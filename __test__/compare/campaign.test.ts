// `llem compare` on a real campaign: two servers, of which one takes a quarter more time for each token.

import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { comparisonSchema } from '../../dist/compare/compare.js'
import { scratchFolder } from '../native/scenario.js'
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
        `^${two.slow} uses [12]\\d % more energy per output token than ${two.fast} \\(95 % CI .*, paired by cycle, n = 3\\)\\.$`,
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
    expect(stdout).toMatch(/ uses [12]\d % less energy per output token than /)
    expect(code).toBe(0)
  })

  it('has as JSON what its schema says, with the truth in the interval', async () => {
    const { stdout } = await two.run('compare', fast, slow, '--json')
    const comparison = comparisonSchema.parse(JSON.parse(stdout))
    const { ratio } = comparison.pairs[0]?.metrics.find(({ metric }) => metric === 'itl_p50_ms') ?? {}
    expect(comparison).toMatchObject({
      answer: 'regression',
      simulated: true,
      gated: ['energy_per_output_token_j'],
    })
    expect(Math.abs(Number(ratio?.value) / TRUE_RATIO - 1)).toBeLessThan(0.1)
  })

  it('is Markdown for a pull request, in which names are no markup', async () => {
    const { stdout } = await two.run('compare', fast, slow, '--format', 'md')
    expect(stdout).toContain(`**${two.slow.replaceAll('_', '\\_')} uses `)
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
