// A server on two nodes of a real Slurm: llem runs as a batch job does, and srun starts a meter on each node.

import { once } from 'node:events'
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { NodeEnergy } from '../../dist/results/nodes.js'
import { startCluster, stopCluster, whyNoCluster } from '../../scripts/slurm-cluster.mjs'
import { startPortServer } from '../backends/port-server.js'
import { endsWithin } from '../backends/processes.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { type ExecResult, startProcess } from '../native/llem.js'
import { gpu, nowNs } from '../native/scenario.js'
import { meterOf, resultIn } from './experiment.js'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

const why = whyNoCluster()
// The names of its sockets are short.
const dir = mkdtempSync('/tmp/ln-')
let conf = ''

beforeAll(async () => {
  if (why === null)
    conf = await startCluster(dir, { nodes: 2, gpus: 2, cpus: 4, options: { TaskProlog: prologOf(nowNs()) } })
})
afterAll(async () => {
  if (why === null) await stopCluster(dir)
})

const LLEM = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))

/** Slurm's own way to give each task something (TaskProlog): here the GPUs of its node, which are simulated. */
function prologOf(epochNs: number): string {
  const folder = scratchFolder()
  for (const [at, name] of ['node01', 'node02'].entries()) {
    const devices = [0, 1].map((i) => gpu(at * 2 + i, [{ for_s: 600, w: 200 + 100 * at }]))
    writeFileSync(
      join(folder, `${name}.json`),
      JSON.stringify({ version: 1, epoch_monotonic_ns: epochNs, devices }),
    )
  }
  const prolog = join(folder, 'prolog.sh')
  writeFileSync(
    prolog,
    `#!/bin/sh
echo "export LLEM_NVML_SIM=${folder}/$SLURMD_NODENAME.json"
`,
  )
  chmodSync(prolog, 0o755)
  return prolog
}

const ROLES = { node01: 'prefill', node02: 'decode' }

/** Within 1 %; on a machine that eight tasks fill, within what it states. */
function expectJoules(node: NodeEnergy | undefined, trueJ: number): void {
  const mostJ = Math.max(0.01 * trueJ, node?.uncertainty_j ?? 0)
  expect(Math.abs((node?.total_j ?? 0) - trueJ)).toBeLessThan(mostJ)
}

describe('a job of two nodes', () => {
  /** `llem run` as the command of a job with two GPUs on each node. */
  async function run(nodes: object, during: (outputDir: string) => Promise<void> = async () => undefined) {
    const { port, end } = await startPortServer('fake-openai.mjs', ['slow'])
    const outputDir = scratchFolder()
    const sets = [
      ...['baseline.enabled=false', 'warmup.enabled=false', 'warmup.thermal_floor_seconds=0'],
      ...[`server.base_url=http://127.0.0.1:${port}`, 'n_prompts=1', 'generation.max_tokens=10'],
      `energy.nodes=${JSON.stringify({ roles: ROLES, gpus_per_node: 2, ...nodes })}`,
    ].flatMap((set) => ['--set', set])
    const job = ['--nodes=2', '--ntasks-per-node=4', '--gpus-per-node=2', '--overcommit', '--quiet']
    const words = ['run', '-m', 'fake', '-b', 'server', '-o', outputDir, '--simulate', '-v', ...sets]
    const { ended } = startProcess('salloc', [...job, process.execPath, LLEM, ...words], {
      env: { SLURM_CONF: conf, NO_COLOR: '1' },
    })
    await during(outputDir)
    const { code, stdout, stderr } = await ended
    end()
    expect(code, stderr).toBe(0)
    return { ...resultIn(outputDir), stdout, stderr }
  }

  /** The same where nothing goes wrong: the joules of both. */
  async function measured(nodes: object) {
    const { energy, total_energy_j, stdout, stderr } = await run(nodes)
    const told = energy?.nodes?.nodes ?? []
    expect(told.map(({ node, role, fault }) => [node, role, fault])).toEqual([
      ['node01', 'prefill', null],
      ['node02', 'decode', null],
    ])
    const seconds = energy?.duration_sec ?? 0
    const [first = 0, second = 0] = told.map(({ total_j }) => total_j ?? 0)
    for (const [node, watts] of [
      [told[0], 400],
      [told[1], 600],
    ] as const)
      expectJoules(node, watts * seconds)
    expect(total_energy_j).toBeCloseTo(first + second, 6)
    return { stdout, stderr }
  }

  it('is measured by a meter on each, started by srun', async (context) => {
    if (why !== null) context.skip(why)
    const { stdout, stderr } = await measured({})
    expect(stdout).toMatch(/node01 \(prefill\): .* J/)
    expect(stdout).toMatch(/Clocks +within .* of this one, .* J at most/)
    expect(stderr).not.toMatch(/another task is the meter/)
  })

  it('has one meter on each, of four tasks that are started there', async (context) => {
    if (why !== null) context.skip(why)
    const srun = ['srun', '--overlap', '--overcommit', '--nodes=2', '--ntasks-per-node=4', '--input=none']
    const { stderr } = await measured({ start: [srun] })
    expect(stderr.match(/another task is the meter of node0[12]/g)).toHaveLength(6)
  })

  it('has no total where the meter of a node is killed, and the joules of the other', async (context) => {
    if (why !== null) context.skip(why)
    const { energy, energy_reason, total_energy_j } = await run({}, async (outputDir) => {
      process.kill(await meterOf(outputDir, 'node02'), 'SIGKILL')
    })
    expect(total_energy_j).toBeNull()
    expect(energy_reason).toMatch(/^node02: .*\[node_meter_lost\]$/)
    const [first, second] = energy?.nodes?.nodes ?? []
    const seconds = energy?.duration_sec ?? 0
    expectJoules(first, 400 * seconds)
    expect(second).toMatchObject({ total_j: null, fault: 'node_meter_lost' })
  })

  it('says who shares its node, and takes the GPUs that Slurm gave it', async (context) => {
    if (why !== null) context.skip(why)
    const env = { SLURM_CONF: conf, NO_COLOR: '1' }
    const other = startProcess(
      'srun',
      ['-w', 'node01', '--gpus=1', '--mem=10', 'sh', '-c', 'echo here; sleep 60'],
      { env },
    )
    await once(other.child.stdout ?? other.child, 'data')
    const folder = scratchFolder()
    const exec = ['exec', '--simulate', '--json', '--', 'sh', '-c', 'env | grep GPU >&2; sleep 1']
    const { ended } = startProcess(
      'srun',
      ['-w', 'node01', '--gpus=1', '--mem=10', process.execPath, LLEM, ...exec],
      { env: { ...env, XDG_DATA_HOME: folder } },
    )
    const { stdout, stderr, code } = await ended
    // A job that asks for no GPU sees those of the other all the same, as nothing hides them here.
    const without = startProcess(
      'srun',
      ['-w', 'node01', '--mem=10', process.execPath, LLEM, 'exec', '--simulate', '--json', '--', 'true'],
      { env: { ...env, XDG_DATA_HOME: folder } },
    )
    const said = await without.ended
    other.child.kill('SIGTERM')
    if (!(await endsWithin(other.child.pid ?? 0, 5000))) other.child.kill('SIGKILL')
    expect(code, stderr).toBe(0)
    const { energy, findings } = JSON.parse(stdout) as ExecResult
    // The other job has the first of two.
    expect(energy.devices.map(({ index }) => index)).toEqual([1])
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: 'slurm_node_shared',
        text: expect.stringMatching(/^job \d+ ran on node01 too/),
      }),
    )
    const ofNone = JSON.parse(said.stdout) as ExecResult
    expect(ofNone.energy.devices).toHaveLength(2)
    expect(ofNone.findings).toContainEqual(
      expect.objectContaining({
        code: 'slurm_gpus_not_named',
        text: expect.stringMatching(/^Slurm names no GPU of this job: all 2 /),
      }),
    )
    expect(energy.untrusted).toEqual([
      expect.objectContaining({ source: 'slurm', counter: 'ConsumedEnergyRaw', energy_j: null }),
    ])
    expect(energy.untrusted[0]?.reason).toMatch(/shorter than 30 s|no energy here/)
  })
})
