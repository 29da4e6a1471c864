// Two llems and one GPU: the second one waits, or both say that the joules are both's.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { takeClaim } from '../../dist/native/lock.js'
import { llem } from '../native/llem.js'
import { gpu, nowNs, scenarioFile, scratchFolder, uuidOf } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

interface Told {
  findings: { code: string; text: string; devices: number[] }[]
  energy: { total_j: number; window: { start_ns: number; end_ns: number } }
}

let claims: string
beforeEach(() => {
  claims = join(scratchFolder(), 'claims')
})

const oneGpu = () => scenarioFile([gpu(0, [{ for_s: 300, w: 200 }])], nowNs())

async function exec(scenario: string, seconds: number, ...options: string[]) {
  const args = ['exec', '--simulate', scenario, '--json', ...options, '--', 'sleep', String(seconds)]
  const { code, stdout, stderr } = await llem(args, { env: { LLEM_CLAIMS_DIR: claims } })
  expect(code, stderr).toBe(0)
  return { told: JSON.parse(stdout) as Told, stderr }
}

const shared = ({ findings }: Told) => findings.filter(({ code }) => code === 'gpu_shared')
const soon = () => new Promise((resolve) => setTimeout(resolve, 1200))

describe('two llems on one GPU', () => {
  it('do not overlap: the second waits, and says for what', async () => {
    const scenario = oneGpu()
    const first = exec(scenario, 3)
    await soon()
    const [a, b] = await Promise.all([first, exec(scenario, 1)])
    expect(b.told.energy.window.start_ns).toBeGreaterThan(a.told.energy.window.end_ns)
    expect(b.stderr).toMatch(
      /Waiting for GPU 0, on which another llem \(pid \d+\) measures a load \(--share goes on beside it\)\.\n/,
    )
    expect([...shared(a.told), ...shared(b.told)]).toEqual([])
  })

  it('both say that the joules stand in both results, with --share', async () => {
    const scenario = oneGpu()
    const first = exec(scenario, 4)
    await soon()
    const [a, b] = await Promise.all([first, exec(scenario, 1, '--share')])
    expect(b.told.energy.window.start_ns).toBeLessThan(a.told.energy.window.end_ns)
    expect(b.stderr).not.toContain('Waiting')
    expect(shared(a.told)).toMatchObject([
      { devices: [0], text: expect.stringMatching(/began to share GPU 0 while this was measured/) },
    ])
    expect(shared(b.told)).toMatchObject([
      {
        devices: [0],
        text: expect.stringMatching(/another llem \(pid \d+\) had a load on GPU 0 when this began/),
      },
    ])
  })

  it('of which one has started the other do not wait for each other, and say so', async () => {
    const scenario = oneGpu()
    const inner = [process.execPath, 'bin/llem.js', 'exec', '-q', '--simulate', scenario, '--', 'true']
    const args = ['exec', '--simulate', scenario, '--json', '--', ...inner]
    const { code, stdout, tookMs } = await llem(args, { env: { LLEM_CLAIMS_DIR: claims } })
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(20_000)
    expect(shared(JSON.parse(stdout))).toHaveLength(1)
  })

  it('but two simulated ones of different scenarios are two', async () => {
    const other = scenarioFile([gpu(0, [{ for_s: 300, w: 201 }])], nowNs())
    const [a, b] = await Promise.all([exec(oneGpu(), 3), exec(other, 3)])
    expect(b.told.energy.window.start_ns).toBeLessThan(a.told.energy.window.end_ns)
    expect([...shared(a.told), ...shared(b.told)]).toEqual([])
  })
})

it('what an llem has left behind waits like any other', async () => {
  const scenario = oneGpu()
  const holder = exec(scenario, 3)
  await soon()
  // As it was inherited from one that has ended.
  const env = { LLEM_CLAIMS_DIR: claims, LLEM_CLAIMED: `999999:${uuidOf(0)}` }
  const left = llem(['exec', '--simulate', scenario, '--json', '--', 'true'], { env })
  const [a, { stderr, stdout }] = await Promise.all([holder, left])
  expect(stderr).toContain('Waiting for GPU 0')
  expect([...shared(a.told), ...shared(JSON.parse(stdout))]).toEqual([])
})

describe('where there can be no claim', () => {
  it.for(['a file', 'a link'])('%s in its place costs nothing but the claim', async (what) => {
    if (what === 'a file') writeFileSync(claims, '')
    else symlinkSync(scratchFolder(), claims)
    const { told } = await exec(oneGpu(), 0.2)
    expect(shared(told)).toEqual([])
    expect(told.findings).toContainEqual(expect.objectContaining({ code: 'gpu_not_claimed', devices: [0] }))
    await expect(takeClaim(claims, 'GPU-1', false)).rejects.toThrow(/cannot be locked/)
  })

  it('a link in the place of a claim is not followed', async () => {
    mkdirSync(claims)
    const target = join(scratchFolder(), 'target')
    writeFileSync(target, 'kept')
    symlinkSync(target, join(claims, 'GPU-1'))
    await expect(takeClaim(claims, 'GPU-1', false)).rejects.toThrow(/cannot be locked/)
  })
})

it('a claim is taken by one, shared by those who say so, and free once all have let go', async () => {
  const first = await takeClaim(claims, 'GPU-1', false)
  expect(first?.others).toBe(false)
  expect(await takeClaim(claims, 'GPU-1', false)).toBeNull()
  const second = await takeClaim(claims, 'GPU-1', true)
  expect([second?.others, first?.wasShared(), second?.wasShared()]).toEqual([true, true, false])
  first?.release()
  expect(await takeClaim(claims, 'GPU-1', false)).toBeNull()
  second?.release()
  expect((await takeClaim(claims, 'GPU-1', false))?.others).toBe(false)
})
