// GPUs that are lost, silent, cut or counted otherwise: each costs itself alone and is told. The scenarios are shaped on
// reports of people who met them.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { type ExecResult, llem } from '../native/llem.js'
import { type Gpu, gpu, scenarioFile, scratchFolder, textFile } from '../native/scenario.js'
import { byDay } from '../setup/at-night.js'

vi.setConfig({ testTimeout: 60_000 })

interface Told {
  energy: {
    total_j: number | null
    duration_sec: number
    unmeasured: { gpu_index: number; reason: string }[]
    devices: { index: number; total_j: number | null; reason: string; power_domain: string }[]
  } | null
  energy_reason: string | null
  findings: { code: string; text: string; devices: number[] }[]
}

const steady = (watts: number) => [{ for_s: 1, w: watts }]

/** A scenario of format 2. */
const format2 = (devices: Gpu[]) => textFile('scenario.json', JSON.stringify({ version: 2, devices }))

async function execute(scenario: string, env: Record<string, string> = {}, ...options: string[]) {
  const args = ['exec', '--simulate', scenario, '--json', ...options, '--', 'sleep', '1']
  const { code, stdout, stderr } = await llem(args, { env })
  return { code, stderr, told: (stdout === '' ? null : JSON.parse(stdout)) as Told }
}

/** Each GPU's index and mean power, to 5 W: on a busy machine a window of a second is not known to the watt. */
function watts({ energy }: Told): [number, number | null][] {
  if (energy === null) throw new Error('no energy')
  return energy.devices.map(({ index, total_j }) => [
    index,
    total_j === null ? null : 5 * Math.round(total_j / energy.duration_sec / 5),
  ])
}

const codesOf = ({ findings }: Told) => findings.map(({ code }) => code)

describe('a GPU that is lost from the start', () => {
  it.for([
    ['among those of CUDA_VISIBLE_DEVICES', { CUDA_VISIBLE_DEVICES: '0,1,2,3' }],
    ['without CUDA_VISIBLE_DEVICES', {}],
  ] as [string, Record<string, string>][])('%s, costs itself and is named', async ([, env]) => {
    const { code, told } = await execute('lost-gpu', env)
    expect(code).toBe(0)
    expect(watts(told)).toEqual([
      [0, 100],
      [2, 300],
      [3, 400],
    ])
    expect(told.energy?.unmeasured).toEqual([{ gpu_index: 1, reason: expect.stringMatching(/\S/) }])
    expect(told.findings).toContainEqual(
      expect.objectContaining({ code: 'gpu_not_measured', severity: 'warning', devices: [1] }),
    )
  })

  it('is of no interest where it is not visible', async () => {
    const { told } = await execute('lost-gpu', { CUDA_VISIBLE_DEVICES: '2' })
    expect(watts(told)).toEqual([[2, 300]])
    expect(codesOf(told)).not.toContain('gpu_not_measured')
  })

  it('is an error where it was asked for by name', async () => {
    const { code, stderr } = await execute('lost-gpu', {}, '--devices', '1')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^llem: GPU 1 cannot be read: .* \[NVML_QUERY_FAILED\]\n$/)
  })

  it('is in the list of `llem devices`', async () => {
    const { stdout } = await llem(['devices', '--simulate', 'lost-gpu', '--json'])
    const { devices, unreadable } = JSON.parse(stdout)
    expect(devices.map(({ index }: { index: number }) => index)).toEqual([0, 2, 3])
    expect(unreadable).toEqual([{ index: 1, reason: expect.stringMatching(/\S/) }])
    const { stderr } = await llem(['devices', '--simulate', 'lost-gpu'])
    expect(stderr).toMatch(/^GPU 1 cannot be read: /m)
  })
})

describe('a card without a power sensor', () => {
  const silent = { counter: { supported: false }, faults: [{ call: 'power', error: 'not_supported' }] }

  it('leaves the one beside it measured, and is named', async () => {
    const { code, told } = await execute(scenarioFile([gpu(0, steady(60), silent), gpu(1, steady(300))]))
    expect(code).toBe(0)
    expect(watts(told)).toEqual([[1, 300]])
    expect(told.energy?.unmeasured).toEqual([
      { gpu_index: 0, reason: expect.stringContaining('neither power nor energy') },
    ])
  })

  it('alone leaves the command to run, with its exit code and a reason for no joules', async () => {
    const scenario = scenarioFile([gpu(0, steady(60), silent)])
    const args = ['exec', '--simulate', scenario, '--json', '--', 'sh', '-c', 'exit 3']
    const { code, stdout } = await llem(args)
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({
      exit_code: 3,
      simulated: true,
      energy: null,
      energy_reason: expect.stringContaining('neither power nor energy'),
    })
    const required = await llem(['exec', '--simulate', scenario, '--require-energy', '--', 'true'])
    expect(required.code).toBe(1)
    expect(required.stderr).toContain('[GPU_POWER_UNSUPPORTED]')
  })
})

it('where every GPU is lost the command runs all the same, and the reason names them', async () => {
  const scenario = format2([gpu(0, steady(60), { state: 'lost' })])
  const { code, stdout } = await llem(['exec', '--simulate', scenario, '--json', '--', 'sh', '-c', 'exit 4'])
  expect(code).toBe(4)
  expect(JSON.parse(stdout)).toMatchObject({
    energy: null,
    energy_reason: expect.stringMatching(/No GPU of this machine can be read\. GPU 0: \S/),
  })
})

describe('a GPU that is lost on the way', () => {
  it('makes itself null alone, and says so before what follows from it', async () => {
    const lost = { faults: [{ from_s: 1, call: 'all', error: 'gpu_is_lost' }] }
    const { told } = await execute(scenarioFile([gpu(0, steady(300)), gpu(1, steady(200), lost)]))
    expect(watts(told)).toEqual([
      [0, 300],
      [1, null],
    ])
    expect(told.energy?.devices[1]?.reason).toMatch(/^GPU is lost, .*counter/)
  })
})

describe('MIG instances', () => {
  const cut = (position: number, watts: number) =>
    gpu(position, steady(watts), {
      mig_instances: [
        { uuid: `MIG-${position}-a`, gpu_instance_id: 1 },
        { uuid: `MIG-${position}-b`, gpu_instance_id: 2 },
      ],
      processes: [{ pid: 4_000_000, mig_instance: 1 }],
    })
  const machine = () => format2([cut(0, 100), cut(1, 200), cut(2, 300)])

  it('are measured as their GPU, which is said, and so is the load on the other instance', async () => {
    const { code, stderr, told } = await execute(machine(), { CUDA_VISIBLE_DEVICES: 'MIG-1-a' })
    expect(code).toBe(0)
    expect(stderr).toContain('Note: MIG-1-a is a MIG instance: its power reflects the parent GPU.')
    expect(watts(told)).toEqual([[1, 200]])
    expect(codesOf(told)).toEqual(expect.arrayContaining(['mig_enabled', 'foreign_process']))
  })

  it('of several GPUs are several, and one that is not there is none', async () => {
    const both = await execute(machine(), { CUDA_VISIBLE_DEVICES: 'MIG-2-b,MIG-0-a' })
    expect(watts(both.told)).toEqual([
      [2, 300],
      [0, 100],
    ])
    const none = await execute(machine(), { CUDA_VISIBLE_DEVICES: 'MIG-7-a' })
    expect(none.told).toMatchObject({
      energy: null,
      energy_reason: expect.stringContaining('hides every GPU'),
    })
  })
})

it('an index that CUDA counts otherwise is told, and is not where the order is the driver’s', async () => {
  const { stderr } = await execute('slow-first', { CUDA_VISIBLE_DEVICES: '0' })
  expect(stderr).toContain("Note: CUDA_VISIBLE_DEVICES=0 counts GPUs in CUDA's order")
  const inOrder = await execute('slow-first', { CUDA_VISIBLE_DEVICES: '1', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' })
  expect(inOrder.stderr).not.toContain('Note: CUDA_VISIBLE_DEVICES')
  expect(watts(inOrder.told)).toEqual([[1, 400]])
})

it('a counter of more than the GPU is said to differ at the lowest power seen, which need not be idle', async () => {
  const args = ['exec', '--simulate', 'lying-module-counter', '--json', '--', 'sleep', '4']
  const { findings } = JSON.parse((await llem(args)).stdout) as Told
  expect(findings).toContainEqual(
    expect.objectContaining({
      code: 'scope_differs',
      text: expect.stringMatching(
        /^at the lowest power seen the readings are 0\.(79|80|81) times the counter, /,
      ),
    }),
  )
})

it('what llem starts counts GPUs as llem does, so that the one that is measured is the one that computes', async () => {
  const folder = scratchFolder()
  const seen = join(folder, 'environment')
  // It never answers; what it was started with is all that is asked for.
  const command = ['sh', '-c', `env | grep ^CUDA > ${seen}; exit 3`, 'at port {port}']
  const settings = [
    'backend=server',
    `server.command=${JSON.stringify(command)}`,
    `output_dir=${folder}`,
    'baseline.enabled=false',
  ]
  const run = (env: Record<string, string>) =>
    llem(
      [...['run', '--simulate', 'slow-first', '-m', 'any'], ...settings.flatMap((each) => ['--set', each])],
      { env: { CUDA_VISIBLE_DEVICES: '0', ...env } },
    )
  const { stderr } = await run({})
  expect(readFileSync(seen, 'utf8'), stderr).toMatch(/^CUDA_DEVICE_ORDER=PCI_BUS_ID$/m)
  expect(stderr).not.toContain("in CUDA's order")
  const other = await run({ CUDA_DEVICE_ORDER: 'FASTEST_FIRST' })
  expect(readFileSync(seen, 'utf8'), other.stderr).toMatch(/^CUDA_DEVICE_ORDER=FASTEST_FIRST$/m)
  expect(other.stderr).toContain("in CUDA's order")
})

describe('an instantaneous power that fails for ever beside nvmlDeviceGetPowerUsage', () => {
  it.for(byDay(1, ['unknown', 'timeout', 'in_use']))(
    'with "%s" leaves the latter, which is told',
    async (error) => {
      const device = gpu(0, steady(300), {
        counter: { supported: false },
        faults: [{ call: 'instant', error }],
      })
      const { told } = await execute(format2([device]))
      expect(told.energy?.devices[0]?.power_domain).toBe('average_1s')
      expect(told.findings).toContainEqual(
        expect.objectContaining({
          code: 'instant_power_missing',
          severity: 'info',
          text: expect.stringContaining('nvmlDeviceGetPowerUsage, each the mean over one second'),
        }),
      )
    },
  )

  it('has the right joules', async () => {
    const device = gpu(0, steady(300), {
      counter: { supported: false },
      faults: [{ call: 'instant', error: 'unknown' }],
    })
    const args = ['exec', '--simulate', format2([device]), '--json', '--', 'sleep', '3.2']
    const told = JSON.parse((await llem(args)).stdout) as Told
    expect(watts(told)).toEqual([[0, 300]])
  })
})

it('a driver that does not know the second form of the call for memory is asked by the first', async () => {
  const simulate = (...absent_symbols: string[]) =>
    textFile('older.json', JSON.stringify({ version: 2, devices: [gpu(0, steady(300))], absent_symbols }))
  const memory = async (scenario: string) => {
    const { stdout } = await llem(['devices', '--simulate', scenario, '--json'])
    return JSON.parse(stdout).devices[0].memory_total_mb as number | null
  }
  const second = await memory(simulate())
  expect(second).toBeGreaterThan(1000)
  expect(await memory(simulate('nvmlDeviceGetMemoryInfo_v2'))).toBe(second)
  expect(await memory(simulate('nvmlDeviceGetMemoryInfo_v2', 'nvmlDeviceGetMemoryInfo'))).toBeNull()
})

describe('the power of a GPU comes from the first that answers', () => {
  const ladder = async (...refused: string[]) => {
    const faults = refused.map((call) => ({ call, error: 'not_supported' }))
    const { told } = await execute(format2([gpu(0, steady(300), { faults })]))
    const [device] = told.energy?.devices ?? []
    return { domain: device?.power_domain, watts: watts(told)[0]?.[1] }
  }

  it.for([
    [[], 'instant'],
    [['instant'], 'average_1s'],
    [['instant', 'power_usage'], 'average_field'],
    [['instant', 'power_usage', 'average'], 'samples_buffer'],
    [['power'], 'counter_alone'],
  ] as const)('%j refused: %s', async ([refused, domain]) => {
    expect(await ladder(...refused)).toEqual({ domain, watts: 300 })
  })

  it('the buffer of readings carries the joules of a load that changes, and one that stops has none', async () => {
    const refused = ['instant', 'power_usage', 'average'].map((call) => ({ call, error: 'not_supported' }))
    const square = { low_w: 100, high_w: 500, period_s: 0.8, duty: 0.5 }
    const measured = async (seconds: string, faults: Record<string, unknown>[]) => {
      const scenario = format2([gpu(0, [{ for_s: 100, square }], { faults, counter: { supported: false } })])
      const { stdout } = await llem(['exec', '--simulate', scenario, '--json', '--', 'sleep', seconds])
      const { energy } = JSON.parse(stdout) as ExecResult
      return { device: energy?.devices[0], seconds: energy?.duration_sec ?? Number.NaN }
    }
    const [whole, stopped] = await Promise.all([
      measured('2.4', refused),
      measured('4', [...refused, { from_s: 1.5, call: 'samples', error: 'not_found' }]),
    ])
    expect(whole.device).toMatchObject({ power_domain: 'samples_buffer', method: 'integral' })
    expect(whole.device?.findings.map(({ code }) => code)).toContain('instant_power_missing')
    // Three periods, and what a process takes to start and end.
    expect(Math.abs((whole.device?.total_j ?? 0) / whole.seconds - 300)).toBeLessThan(40)
    expect(stopped.device).toMatchObject({ total_j: null, method: null })
    expect(stopped.device?.missing).toBeGreaterThan(0)
  })
})
