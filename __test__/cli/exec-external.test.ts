// The real CLI beside a simulated GPU and external meters.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it, vi } from 'vitest'
import type { ExternalEnergy } from '../../dist/results/external.js'
import { type Bmc, chassis, PASSWORD, power, startBmc, USER } from '../energy/redfish-double.js'
import { type ExecResult, llem, startLlem } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder, textFile } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const PLUGIN = fileURLToPath(new URL('../energy/external-plugin.mjs', import.meta.url))
const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])])
const plugin = (...how: string[]) => `${process.execPath} ${PLUGIN} ${how.join(' ')}`
const bmcs: Bmc[] = []
afterAll(() => Promise.all(bmcs.map((each) => each.close())))

interface Executed extends ExecResult {
  external: ExternalEnergy[]
  stderr: string
}

async function exec(options: readonly string[], env: NodeJS.ProcessEnv = {}, seconds = 2): Promise<Executed> {
  const args = ['exec', '--simulate', scenario, '--json', ...options, '--', 'sleep', String(seconds)]
  const { stdout, stderr } = await llem(args, { env })
  const result = JSON.parse(stdout)
  return { ...result, external: result.energy.external, stderr }
}

describe.concurrent('llem exec with an external meter', () => {
  it('has its joules in the result, a line of the screen, and a file that verify recomputes', async () => {
    const output = scratchFolder()
    const told = await llem([
      ...['exec', '--simulate', scenario, '-o', output, '--external', plugin('sine')],
      ...['--external', `wall=${plugin('level', '100', '900')}`, '--', 'sleep', '5'],
    ])
    expect(told.stderr).toMatch(
      /^Node: \d{4}(\.\d)? J \+- [\d.]+ J \(k=2\) by external-plugin, whose own accuracy is unknown; in no other number$/m,
    )
    expect(told.stderr).toMatch(/^Wall: 4\d{3} J \+- 1\d0 J .* by external-plugin-wall, /m)
    const folder = join(output, readdirSync(output)[0] ?? '')
    expect(readdirSync(folder)).toContain('external-external-plugin.jsonl')
    const verified = await llem(['verify', folder])
    expect(verified).toMatchObject({ code: 0 })
    expect(verified.stdout).toMatch(/energy\.external\[0\]\.energy_j/)
    // Somebody makes it cheaper.
    const path = join(folder, 'result.json')
    const result = JSON.parse(readFileSync(path, 'utf8'))
    result.energy.external[0].energy_j *= 0.9
    writeFileSync(path, JSON.stringify(result))
    const differs = await llem(['verify', folder])
    expect(differs.code).toBe(1)
    expect(differs.stdout).toMatch(/Differs: energy\.external\[0\]\.energy_j is/)
    result.energy.external[0].readings_path = null
    writeFileSync(path, JSON.stringify(result))
    expect((await llem(['verify', folder])).stdout).toMatch(/Differs: energy\.external\[0\]\.energy_j is/)
    const shown = await llem(['show', folder])
    expect(shown.stdout + shown.stderr).toMatch(/^Node: /m)
  })

  it('says where a node uses less than its GPU', async () => {
    const { external, findings } = await exec(['--external', plugin('level', '100', '100')])
    expect(external[0]?.energy_j ?? 0).toBeLessThan(250)
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: 'layers_contradict',
        severity: 'warning',
        text: expect.stringMatching(
          /^the node \(external-plugin\) used 2\d\d\.\d* J .*, less than the GPU in it: 6\d\d J/,
        ),
      }),
    )
  })

  it('has null and a reason where the meter dies, and the command’s own exit code', async () => {
    const { external, findings, exit_code, energy } = await exec(['--external', plugin('dies')])
    expect(external).toMatchObject([
      { energy_j: null, reason: expect.stringContaining('exited with code 3') },
    ])
    expect(exit_code).toBe(0)
    expect(energy.total_j).toBeGreaterThan(500)
    expect(findings.map(({ code }) => code)).toContain('external_meter_silent')
  })

  it('has one in every round of --runs', async () => {
    const output = scratchFolder()
    const { code, stdout } = await llem([
      ...['exec', '--simulate', scenario, '-o', output, '--runs', '2', '--external', plugin('sine', '50')],
      ...['--', 'sleep 0.6', 'sleep 0.7'],
    ])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^Node of sleep 0\.6: \d+ J (\+- [\d.]+ J|\([\d.]+ to [\d.]+\)) in the mean \(95 % CI\) by external-plugin; in no other number$/m,
    )
    const [{ external: [summary] = [] }] = JSON.parse(
      readFileSync(join(output, readdirSync(output)[0] ?? '', 'exec-runs.json'), 'utf8'),
    ).results
    expect(summary.energy_uncertainties_j).toHaveLength(2)
    for (const [at, uncertainty] of summary.energy_uncertainties_j.entries())
      expect(uncertainty).toBeGreaterThanOrEqual(0.03 * summary.energies_j[at])
    expect(summary.energy_level_j.low).toBeLessThan(summary.energy_mean_j)
    expect(summary.energy_stddev_j).toBeGreaterThan(0)
    const results = readdirSync(output, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('result.json'),
    )
    expect(results).toHaveLength(4)
    for (const path of results) {
      const [external] = JSON.parse(readFileSync(join(output, path), 'utf8')).energy.external
      expect(external).toMatchObject({ reason: null, readings_path: 'external-external-plugin.jsonl' })
      expect(external.energy_j).toBeGreaterThan(100)
    }
  })

  it('writes and shows none of its secrets', async () => {
    const output = scratchFolder()
    const secret = 'mighty-secret-of-the-meter'
    const { external, stderr, result_dir } = await exec(['-o', output, '--external', plugin('secret')], {
      A_METER_TOKEN: secret,
    })
    expect(external[0]?.reason).toContain('the login [redacted] was refused')
    expect(external[0]?.bad_line_reason).toContain('login with [redacted]')
    expect(stderr).not.toContain(secret)
    for (const name of readdirSync(result_dir ?? ''))
      expect(readFileSync(join(result_dir ?? '', name)).includes(secret), name).toBe(false)
  })

  it('refuses what is no command, before it runs', async () => {
    for (const [typed, why] of [
      ['cat power | jq .', 'a pipe is for a shell to read'],
      ['wall=', 'there is no command in it'],
      ['no-such-meter --now', 'no-such-meter could not be started'],
    ] as const) {
      const mark = join(scratchFolder(), 'ran')
      const ended = await llem(['exec', '--simulate', scenario, '--external', typed, '--', 'touch', mark])
      expect(ended.code).toBe(2)
      expect(ended.stderr).toContain(why)
      expect(existsSync(mark)).toBe(false)
    }
    const twice = await llem([
      ...[
        'exec',
        '--simulate',
        scenario,
        '--external',
        plugin('sine'),
        '--external',
        plugin('sine'),
        '--',
        'true',
      ],
    ])
    expect(twice.stderr).toContain('--external has two meters with scope node')
  })

  it('ends the meter when llem is killed, also one that ignores everything', async () => {
    const mark = `${Date.now()}`
    const { child, ended } = startLlem([
      ...['exec', '--simulate', scenario, '--external', plugin('stubborn', '100', mark), '--', 'sleep', '3'],
    ])
    await vi.waitFor(() => expect(running(mark)).not.toEqual([]), 5000)
    await sleep(300)
    child.kill('SIGKILL')
    void ended
    await vi.waitFor(() => expect(running(mark)).toEqual([]), { timeout: 8000, interval: 100 })
  })
})

describe.concurrent('llem exec with a BMC', () => {
  const began = Date.now()
  /** 800 W and a saw-tooth of 10 W that says of each value that it is new. */
  const wattsAt = (ms: number) => 800 + 2 * (Math.floor((ms - began) / 200) % 6)
  const resources = { ...chassis({ '1': ['Power'] }), ...power('1', () => [wattsAt(Date.now())]) }
  const LOGIN = { LLEM_REDFISH_USER: USER, LLEM_REDFISH_PASSWORD: PASSWORD }
  const redfish = (url: string) => `${process.execPath} ${BIN} meter redfish --url ${url} --interval 0.1`

  it('has the node’s joules within 1 %, logs out, and keeps the login to itself', async () => {
    const bmc = await startBmc({ resources, auth: 'login' })
    bmcs.push(bmc)
    const output = scratchFolder()
    const { external, result_dir, stderr } = await exec(
      ['-o', output, '--external', redfish(bmc.url)],
      LOGIN,
      5,
    )
    const [node] = external
    expect(node).toMatchObject({ name: 'redfish', scope: 'node', reason: null, coverage: 1, bad_lines: 0 })
    expect(Math.abs((node?.mean_power_w ?? 0) / 805 - 1)).toBeLessThan(0.01)
    expect(bmc.sessions.size).toBe(0)
    expect(stderr).not.toContain(PASSWORD)
    for (const name of readdirSync(result_dir ?? ''))
      expect(readFileSync(join(result_dir ?? '', name)).includes(PASSWORD), name).toBe(false)
  })

  it('closes its session also where llem is killed', async () => {
    const bmc = await startBmc({ resources, auth: 'login' })
    bmcs.push(bmc)
    const { child, ended } = startLlem(
      ['exec', '--simulate', scenario, '--external', redfish(bmc.url), '--', 'sleep', '2'],
      { env: LOGIN },
    )
    await vi.waitFor(() => expect(bmc.sessions.size).toBe(1), 10_000)
    child.kill('SIGKILL')
    void ended
    await vi.waitFor(() => expect(bmc.sessions.size).toBe(0), 5000)
  })

  it('says at once that it refuses the login, and measures the GPUs', async () => {
    const bmc = await startBmc({ resources, auth: 'login' })
    bmcs.push(bmc)
    const env = { ...LOGIN, LLEM_REDFISH_PASSWORD: 'another-password' }
    const { external, energy, stderr } = await exec(['--external', redfish(bmc.url)], env, 1)
    expect(external[0]).toMatchObject({
      energy_j: null,
      reason: expect.stringContaining('[REDFISH_REFUSED]'),
    })
    expect(stderr).toMatch(/The external meter redfish says nothing \(non-fatal\): .*status 401/)
    expect(stderr).not.toContain('another-password')
    expect(energy.total_j).toBeGreaterThan(200)
  })

  it('has null where the BMC shows the same value all the time', async () => {
    const bmc = await startBmc({ resources: { ...chassis({ '1': ['Power'] }), ...power('1', () => [640]) } })
    bmcs.push(bmc)
    const { external } = await exec(['--external', redfish(bmc.url)])
    expect(external[0]?.reason).toMatch(/^its value has not changed in the window of 2\.\d s/)
  })
})

describe('a configuration with external meters', () => {
  const validated = async (external: string) => {
    const path = textFile('experiment.yaml', `model: model.gguf\nenergy:\n  external: ${external}\n`)
    return await llem(['run', path, '--dry-run'])
  }

  it('has one, or one of each scope', async () => {
    const one = await validated('{command: [llem, meter, redfish, --url, "https://192.0.2.1"]}')
    expect(one.code).toBe(0)
    expect(one.stdout + one.stderr).toMatch(/scope: "?node/)
    const two = await validated('[{command: [a], scope: wall}, {command: [b], name: pdu-3, accuracy_pct: 1}]')
    expect(two.code).toBe(0)
    const twice = await validated('[{command: [a]}, {command: [b]}]')
    expect(twice.code).toBe(2)
    expect(twice.stderr).toContain('energy.external has two meters with scope node')
  })

  it.each([
    ['"llem meter redfish"', 'energy.external must be'],
    [
      '{command: llem meter redfish}',
      'energy.external.command must be a list of a program and its arguments',
    ],
    ['{command: [a], scope: rack}', 'energy.external.scope must be wall, node or module'],
    ['{command: [a], name: a/b}', 'energy.external.name must be'],
    ['{command: [a], url: x}', 'unknown key `url`'],
  ])('refuses %s', async (external, why) => {
    const { code, stderr } = await validated(external)
    expect(code).toBe(2)
    expect(stderr).toContain(why)
  })
})

function running(mark: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
        return args.includes('stubborn') && args.includes(mark) && args[0] === process.execPath
      } catch {
        return false
      }
    })
}
