// The steps of action.yml as GitHub runs them: its expressions filled in, its scripts by bash, its files read.

import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { startPortServer } from '../backends/port-server.js'
import { root } from '../house/sources.js'
import { startProcess } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder } from '../native/scenario.js'

vi.setConfig({ testTimeout: 120_000 })

interface Step {
  name: string
  id?: string
  run?: string
  env?: Record<string, string>
}

const action = parse(readFileSync(join(root, 'action.yml'), 'utf8')) as {
  inputs: Record<string, { default?: string }>
  runs: { steps: Step[] }
}

const servers: { port: number; end: () => void }[] = []
beforeAll(async () => {
  for (const ms of ['30', '90'])
    servers.push(
      await startPortServer('../backends/straggling-server.mjs', ['1000000', ms, '1'], { forAll: true }),
    )
})
afterAll(() => servers.map((server) => server.end()))

const temp = mkdtempSync(join(tmpdir(), 'llem-test-action-'))
const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])])

/** Runs the scripts of the action, of a push to a branch or of a pull request, in the folder that its runs share. */
async function runAction(given: Record<string, string>, event: { name: string; branch: string }) {
  const inputs = {
    ...Object.fromEntries(
      Object.entries(action.inputs).map(([name, { default: value = '' }]) => [name, value]),
    ),
    ...{ simulate: scenario, llem: `${process.execPath} ${join(root, 'bin/llem.js')}`, ...given },
  } as Record<string, string>
  const filled = (text: string) =>
    String(text)
      .replaceAll(/\$\{\{ inputs\.([a-z-]+) \}\}/g, (_, name) => String(inputs[name]))
      .replaceAll(/\$\{\{ runner\.temp \}\}/g, temp)
      .replace(
        /\$\{\{ github\.event_name == 'push' && github\.ref_name == inputs\.reference \}\}/,
        String(event.name === 'push' && event.branch === inputs.reference),
      )
  const files = scratchFolder()
  const [output, summary] = [join(files, 'output'), join(files, 'summary')]
  for (const path of [output, summary]) writeFileSync(path, '')
  const told = { code: 0 as number | null, stderr: '' }
  for (const { run, env = {} } of action.runs.steps) {
    if (run === undefined) continue
    expect(run).not.toContain('${{')
    const own = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, filled(value)]))
    expect(Object.values(own).filter((value) => value.includes('${{'))).toEqual([])
    const { code, stderr } = await startProcess('bash', ['-c', run], {
      cwd: files,
      env: {
        ...own,
        ...{ GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary, NO_COLOR: '1' },
        ...{ XDG_CACHE_HOME: join(temp, 'cache'), XDG_DATA_HOME: join(temp, 'data') },
      },
    }).ended
    Object.assign(told, { code, stderr: told.stderr + stderr })
    if (code !== 0) break
  }
  const outputs = Object.fromEntries(
    readFileSync(output, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('=', 2)),
  )
  return { ...told, outputs, summary: readFileSync(summary, 'utf8') }
}

/** A campaign of one server, the first or the second. */
function campaignFile(server: number): string {
  const folder = scratchFolder()
  const path = join(folder, 'campaign.yaml')
  mkdirSync(join(folder, 'results'))
  writeFileSync(
    path,
    `campaign_name: gate
model: steady
backend: server
n_prompts: 4
server: { base_url: "http://127.0.0.1:${servers[server]?.port}" }
load: { concurrency: 4 }
generation: { max_tokens: 40 }
baseline: { enabled: false }
warmup: { enabled: false }
execution: { cycles: 3, config_gap_seconds: 0, cycle_gap_seconds: 0 }
health_check: { enabled: false }
experiments: [{}]
io: { results_dir: ${join(folder, 'results')} }
`,
  )
  return path
}

const PULL_REQUEST = { name: 'pull_request', branch: 'faster' }

describe('the action', () => {
  it('says that there is nothing to compare with, saves what is pushed, and tells a regression from what is none', async () => {
    const fast = { campaign: campaignFile(0), reference: 'release/1' }
    const first = await runAction(fast, PULL_REQUEST)
    expect([first.code, first.outputs.answer]).toEqual([0, 'no_reference'])
    expect(first.summary).toContain('there are no numbers of release-1 yet')
    // The campaign has run already; a push compares nothing.
    const saved = await runAction(fast, { name: 'push', branch: 'release/1' })
    expect([saved.code, saved.outputs.answer]).toEqual([0, 'saved'])
    const worse = await runAction({ ...fast, campaign: campaignFile(1) }, PULL_REQUEST)
    expect([worse.code, worse.outputs.answer]).toEqual([3, 'regression'])
    expect(worse.summary).toMatch(/^> SIMULATED[\s\S]*^Worse by more than 3 %: shown\./m)
    expect(worse.summary).toMatch(/^\| J\/output token \|/m)
    const same = await runAction(
      {
        ...fast,
        campaign: campaignFile(0),
        'max-regression': '90%',
        metrics: 'energy_per_output_token_j',
      },
      PULL_REQUEST,
    )
    expect([same.code, same.outputs.answer]).toEqual([0, 'not_worse'])
    expect(same.outputs['campaign-dir']).toMatch(/\/results\/gate-[0-9a-f]{10}$/)
  })

  it('ends as llem does where the campaign cannot be run', async () => {
    const { code, stderr, outputs } = await runAction({ campaign: 'nowhere.yaml; touch here' }, PULL_REQUEST)
    expect([code, outputs]).toEqual([2, {}])
    expect(stderr).toContain('nowhere.yaml; touch here')
  })
})
