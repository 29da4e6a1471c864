// `llem calibrate --reference` over the simulated library, beside the file that a meter would have written.

import { readFileSync } from 'node:fs'
import { describe, expect as expected, it, vi } from 'vitest'
import { type ExecResult, llem } from '../native/llem.js'
import {
  gpu,
  nowNs,
  type Segment,
  scenarioFile,
  scratchFolder,
  textFile,
  trueJoules,
} from '../native/scenario.js'
import { calibrateOver, calibrationIn, waves } from './square-waves.js'

vi.setConfig({ testTimeout: 180_000 })

const SEGMENTS: Segment[] = [
  ...waves(0.1, 1),
  { for_s: 126, square: { low_w: 80, high_w: 450, period_s: 9, duty: 0.5 } },
  { for_s: 1, w: 80 },
]
/** Longer than everything takes. */
const LOGGED_S = 140
const CERTIFICATE = 'DKD 4711 of 2026'

/** A GPU whose signal begins now, and what a meter of this gain and offset writes of it ten times a second. */
function bench(meter: { gain: number; offsetW: number; laterS: number; scope: string }) {
  const epochNs = nowNs()
  const epochS = Date.now() / 1000
  const scenario = scenarioFile([gpu(0, SEGMENTS)], epochNs)
  const rows = Array.from({ length: LOGGED_S * 10 }, (_, k) => {
    const atS = (k + 1) / 10
    const watts = meter.gain * 10 * trueJoules(SEGMENTS, atS - 0.1, atS) + meter.offsetW
    return `${(epochS + atS + meter.laterS).toFixed(3)},${watts.toFixed(2)}`
  })
  const comments = [
    `# scope: ${meter.scope}`,
    '# standard_uncertainty_pct: 0.4',
    `# certificate: ${CERTIFICATE}`,
  ]
  const file = textFile('meter.csv', [...comments, 'time,watts', ...rows, ''].join('\n'))
  return { scenario, file, env: { XDG_DATA_HOME: scratchFolder() } }
}

async function execute(scenario: string, env: NodeJS.ProcessEnv) {
  const options = ['--simulate', scenario, '--json', '-o', scratchFolder()]
  const { stdout } = await llem(['exec', ...options, '--', 'sleep', '1'], { env })
  return JSON.parse(stdout) as ExecResult
}

describe('a calibration beside a meter', () => {
  it.concurrent('of the board keeps its gain, and later joules are known by it', async ({ expect }) => {
    const { scenario, file, env } = bench({ gain: 1.03, offsetW: 0, laterS: 0.4, scope: 'board' })
    const ended = await calibrateOver(scenario, 28, env, ['--reference', file])
    const found = calibrationIn(ended)
    expect(found.reference_reason).toBeNull()
    expect(found.reference).toMatchObject({ scope: 'board', certificate: CERTIFICATE, method: 'counter' })
    const gain = found.reference?.gain
    expect(Math.abs(Number(gain?.ratio) - 1.03)).toBeLessThan(0.003)
    expect(Number(gain?.uncertainty)).toBeGreaterThanOrEqual(0.008)
    expect(Number(gain?.uncertainty)).toBeLessThan(0.013)
    expect(Math.abs(Number(found.reference?.clock_offset_s.value) - 0.4)).toBeLessThan(0.1)
    expect(JSON.parse(readFileSync(found.kept_in, 'utf8')).calibrated.board_gain).toEqual(gain)

    const { energy, result_dir } = await execute(scenario, env)
    const [device] = energy.devices
    expect(device?.board_gain).toEqual(gain)
    const ofBoard = device?.uncertainty.filter(({ of_board }) => of_board)
    expect(ofBoard).toEqual([
      {
        component: 'gain of the board',
        source: `external meter: ${CERTIFICATE}`,
        type: 'B',
        standard_uncertainty_j: expected.closeTo(
          (Number(gain?.uncertainty) / 2) * Number(device?.total_j),
          6,
        ),
        of_board: true,
      },
      {
        component: 'gain of the board, not corrected',
        source: `external meter: ${CERTIFICATE}`,
        type: 'B',
        standard_uncertainty_j: expected.closeTo(
          0.55 * (Number(gain?.ratio) - 1) * Number(device?.total_j),
          6,
        ),
        of_board: true,
      },
    ])
    // What the meter would have said is within.
    const byMeterJ = 1.03 * Number(device?.total_j)
    expect(Math.abs(byMeterJ - Number(device?.total_j))).toBeLessThan(Number(device?.absolute_uncertainty_j))
    // And the gain adds no more to what this board is known by than it should.
    expect(Number(device?.absolute_uncertainty_j)).toBeLessThan(
      Number(device?.uncertainty_j) + 0.04 * Number(device?.total_j),
    )
    expect(Number(device?.gain_pct)).toBeLessThan(4)
    // The file of the window tells the same again.
    const verified = await llem(['verify', String(result_dir)], { env })
    expect(verified.code, verified.stdout + verified.stderr).toBe(0)
  })

  it.concurrent('of the node tells a slope and an offset, and keeps no gain', async ({ expect }) => {
    const { scenario, file, env } = bench({ gain: 1.12, offsetW: 240, laterS: -1.3, scope: 'node' })
    const found = calibrationIn(await calibrateOver(scenario, 28, env, ['--reference', file]))
    expect(found.reference).toMatchObject({ scope: 'node', gain: null })
    expect(Math.abs(Number(found.reference?.slope?.value) - 1.12)).toBeLessThan(0.02)
    expect(Math.abs(Number(found.reference?.offset_w?.value) - 240)).toBeLessThan(6)
    expect(JSON.parse(readFileSync(found.kept_in, 'utf8')).calibrated.board_gain).toBeNull()
    const { energy } = await execute(scenario, env)
    expect(energy.devices[0]).toMatchObject({ board_gain: null, gain_pct: 5 })
  })

  it.concurrent('that cannot be begins with all that is wrong', async ({ expect }) => {
    const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 75 }]), gpu(1, [{ for_s: 1, w: 75 }])])
    const damaged = textFile('meter.csv', '# scope: rack\ntime,watts\nsoon,75\n1795948800,-1\n')
    const args = ['calibrate', '--simulate', scenario, '--devices', '0', '--reference']
    const { code, stderr } = await llem([...args, damaged])
    expect(code).toBe(2)
    expect(stderr).toContain('has 4 problems:\n  line 3: time "soon" is neither seconds since 1970')
    expect(stderr).toContain('  line 4: watts is "-1"')
    expect(stderr).toContain('  line 1: scope is "rack"; there are board, node, wall')
    expect(stderr).toMatch(/\[REFERENCE_INVALID\]\n$/)
    const both = await llem(['calibrate', '--simulate', scenario, '--reference', damaged])
    expect(both).toMatchObject({
      code: 2,
      stderr: expected.stringContaining('compared with one GPU, and there are 2'),
    })
    const folder = await llem([...args, scratchFolder()])
    expect(folder).toMatchObject({ code: 2, stderr: expected.stringContaining('it is a folder') })
    const scope = await llem([...args, damaged, '--reference-scope', 'rack'])
    expect(scope).toMatchObject({ code: 2, stderr: expected.stringContaining('board, node, wall') })
  })
})
