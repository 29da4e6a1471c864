import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { storeBaseline } from '../../dist/baseline/cache.js'
import type { Device } from '../../dist/native/addon.js'
import { listDevices } from '../../dist/native/machine.js'
import { simulate } from '../../dist/native/simulation.js'
import { llem, startLlem } from '../native/llem.js'
import { gpu, nowNs, scenarioFile, scratchFolder, uuidOf } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const SIMULATED = 'SIMULATED: these numbers come from a simulated GPU, not from hardware.'
const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 80 }]), gpu(1, [{ for_s: 1, w: 120 }])])
const { devices, driverVersion } = await listDevices(simulate(scenario))
const [first, second] = devices as [Device, Device]

let cache: string
const run = (...args: string[]) => llem(['baseline', ...args], { env: { XDG_CACHE_HOME: cache } })
/** Keeps a baseline of so many seconds ago, as `llem run` on a real GPU does. */
const kept = async (device: Device, ageS: number, driver = String(driverVersion)) => {
  process.env.XDG_CACHE_HOME = cache
  const measured_at = new Date(Date.now() - ageS * 1000).toISOString()
  await storeBaseline(device, driver, { power_w: 80, measured_at, duration_sec: 30 })
}

beforeEach(() => {
  cache = scratchFolder()
})

describe('llem baseline', () => {
  it.for([[], ['show']])('%j says when nothing is kept, and how that is changed', async (args) => {
    expect(await run(...args)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'No baseline is kept. `llem run` measures one, and `llem baseline measure` does.\n',
    })
  })

  it('shows what is kept, how old it is, and whether it is still valid', async () => {
    await kept(first, 600)
    await kept(second, 7300)
    await kept({ ...first, powerLimitW: 300 }, 420)
    await kept({ ...first, uuid: 'GPU-elsewhere' }, 240, '999.1')
    const { code, stdout, stderr } = await run('--simulate', scenario)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/ {2,}/g, ' | '))
    const shown = (device: Device) =>
      `NVIDIA H200 ${device.uuid} | ${driverVersion} | ${first.powerLimitW} W | 80.0 W`
    expect(rows).toEqual([
      'GPU | driver | limit | idle power | age | valid',
      `NVIDIA H200 GPU-elsewhere | 999.1 | ${first.powerLimitW} W | 80.0 W | 4 min | no: no such GPU here, the driver is ${driverVersion} now`,
      `NVIDIA H200 ${first.uuid} | ${driverVersion} | 300 W | 80.0 W | 7 min | no: the power limit is ${first.powerLimitW} W now`,
      `${shown(first)} | 10 min | yes`,
      `${shown(second)} | 2 h | no: older than 3600 s`,
    ])
  })

  it('shows it as JSON, and judges by the age that this shell allows', async () => {
    await kept(second, 7300)
    const { stdout } = await llem(['baseline', '--json', '--simulate', scenario], {
      env: { XDG_CACHE_HOME: cache, LLEM_BASELINE__CACHE_TTL_SEC: '86400' },
    })
    expect(JSON.parse(stdout)).toEqual([
      {
        uuid: uuidOf(1),
        name: 'NVIDIA H200',
        driver: driverVersion,
        power_limit_w: second.powerLimitW,
        power_w: 80,
        uncertainty_w: null,
        measured_at: expect.any(String),
        duration_sec: 30,
        age_sec: expect.closeTo(7300, -2),
        valid: true,
        reason: null,
      },
    ])
  })

  it('shows what is kept where no driver answers', async () => {
    await kept(first, 60)
    expect(JSON.parse((await run('--json')).stdout)).toMatchObject([{ uuid: first.uuid, valid: true }])
  })

  it('forgets it', async () => {
    await kept(first, 60)
    await kept(second, 60)
    expect(await run('clear')).toMatchObject({ code: 0, stdout: '', stderr: '2 baselines were removed.\n' })
    expect(readdirSync(join(cache, 'llem/baseline'))).toEqual([])
    expect(await run('clear', '-q')).toMatchObject({ code: 0, stderr: '' })
  })

  it('measures it, each GPU and all together; a simulated one is not kept', async () => {
    const { code, stdout, stderr } = await run('measure', '--simulate', scenario, '--duration', '5')
    expect(code).toBe(0)
    expect(stderr.trimEnd().split('\n')).toEqual([
      'Measuring idle power: 5 s',
      SIMULATED,
      'A simulated one is not kept.',
    ])
    expect(stdout.split('\n').map((line) => line.trimEnd().replace(/ {2,}/g, ' | '))).toEqual([
      expect.stringMatching(/name \| idle power$/),
      // A real sampler on a machine that may be busy: a tenth of a watt is rounding.
      expect.stringMatching(/^GPU 0 \| NVIDIA H200 \| (79\.9|80\.[01]) W$/),
      expect.stringMatching(/^GPU 1 \| NVIDIA H200 \| (119\.9|120\.[01]) W$/),
      expect.stringMatching(/^total \| (199\.[89]|200\.[012]) W$/),
      '',
    ])
    expect(JSON.parse((await run('--json')).stdout)).toEqual([])
  })

  it('ended by Ctrl-C keeps nothing, says so, and speaks of no experiment', async () => {
    const args = ['baseline', 'measure', '--simulate', scenario]
    const { child, ended } = startLlem(args, { env: { XDG_CACHE_HOME: cache } })
    await new Promise<void>((resolve) => child.stderr?.once('data', () => resolve()))
    child.kill('SIGINT')
    const { code, stderr } = await ended
    expect(code).toBe(130)
    expect(stderr).toMatch(/\nllem: it was interrupted, and nothing is kept\. \[INTERRUPTED\]\n$/)
  })

  it('measures the GPUs that are named, for a program to read, and ends with 1 where it was disturbed', async () => {
    const cooling = scenarioFile([gpu(0, [{ for_s: 30, from_w: 300, to_w: 80 }])], nowNs())
    const args = ['--simulate', cooling, '--devices', '0', '--duration', '5', '--json', '-q']
    const { code, stdout, stderr } = await run('measure', ...args)
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'baseline',
      simulated: true,
      method: 'fresh',
      kept: false,
      disturbances: [expect.stringMatching(/^the power of GPU 0 fell from /)],
      devices: [{ index: 0, uuid: uuidOf(0), power_w: expect.any(Number) }],
    })
  })

  it.for([
    [['shwo'], "unknown command 'shwo'. Did you mean show? See `llem baseline --help`. [USAGE]"],
    [['mesure'], "unknown command 'mesure'. Did you mean measure? See `llem baseline --help`. [USAGE]"],
    [
      ['measure', '--duration', '4'],
      "option '--duration <s>' argument '4' is invalid. It must be a number from 5 to 120 (s). See `llem baseline measure --help`. [USAGE]",
    ],
  ] as const)('refuses %j', async ([args, message]) => {
    expect(await run(...args)).toMatchObject({ code: 2, stdout: '', stderr: `llem: ${message}\n` })
  })
})
