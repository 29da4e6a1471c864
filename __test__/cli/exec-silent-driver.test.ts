import { describe, expect, it, vi } from 'vitest'
import { llem } from '../native/llem.js'
import { gpu, textFile } from '../native/scenario.js'
import { byDay } from '../setup/at-night.js'

vi.setConfig({ testTimeout: 60_000 })

const HANGS = {
  'when it starts': { faults: [{ call: 'init', hang: true }] },
  'when it is asked for a name': { faults: [{ call: 'nvmlDeviceGetName', hang: true }] },
}

const execute = (which: keyof typeof HANGS, ...options: string[]) => {
  const devices = [gpu(0, [{ for_s: 60, w: 300 }])]
  const scenario = textFile('silent.json', JSON.stringify({ version: 2, devices, ...HANGS[which] }))
  const command = ['node', '-e', 'console.log("it ran"); process.exit(3)']
  return llem(['exec', '--simulate', scenario, ...options, '--', ...command], {
    env: { LLEM_DRIVER_PATIENCE_S: '4' },
  })
}

describe.for(Object.keys(HANGS) as (keyof typeof HANGS)[])('a driver that does not answer %s', (which) => {
  it('is told of after a while, and then the command runs without energy and keeps its exit code', async () => {
    const { code, stdout, stderr, tookMs } = await execute(which)
    expect({ code, stdout }).toEqual({ code: 3, stdout: 'it ran\n' })
    // One GPU that is silent while the driver speaks is given up before that.
    if (which === 'when it starts')
      expect(stderr).toContain(
        'llem: Waiting for the GPU driver, which has not answered for 3 s (the list of the GPUs); for 1 s more.\n',
      )
    expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(
      /The GPU driver has not answered for \d s \(.*nvml\w+ last\)/,
    )
    expect(tookMs).toBeGreaterThan(2000)
    expect(tookMs).toBeLessThan(20_000)
  })

  it('fails what must have energy, before the command runs', async () => {
    const { code, stdout, stderr } = await execute(which, '--require-energy')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('[NVML_SILENT]')
  })
})

const pair = (first: Record<string, unknown>, rest: object = {}) =>
  textFile(
    'pair.json',
    JSON.stringify({
      version: 2,
      ...{ devices: [gpu(0, [{ for_s: 60, w: 300 }], first), gpu(1, [{ for_s: 60, w: 200 }])] },
      ...rest,
    }),
  )

describe('`llem devices` within 10 s', () => {
  it('names the call that a GPU does not answer, and shows the other one', async () => {
    const scenario = pair({ faults: [{ call: 'nvmlDeviceGetVbiosVersion', hang: true }] })
    const { code, stdout, stderr, tookMs } = await llem(['devices', '--simulate', scenario, '--json'])
    expect({ code, tookMs: tookMs < 10_000 }).toEqual({ code: 0, tookMs: true })
    expect(JSON.parse(stdout)).toMatchObject({
      devices: [{ index: 1, power_w: 200 }],
      unreadable: [
        { index: 0, reason: 'the driver did not answer within 4 s, nvmlDeviceGetVbiosVersion last' },
      ],
    })
    expect(stderr).toMatch(/^llem: Waiting for the GPU driver, .*\n$/)
  })

  it('names the call with which the driver does not start', async () => {
    const scenario = pair({}, { faults: [{ call: 'init', hang: true }] })
    const { code, stderr, tookMs } = await llem(['devices', '--simulate', scenario])
    expect({ code, tookMs: tookMs < 10_000 }).toEqual({ code: 1, tookMs: true })
    expect(stderr).toMatch(
      /The GPU driver has not answered for 8 s \(.*, nvmlInit_v2 last\).*\[NVML_SILENT\]/,
    )
  })
})

interface Told {
  energy: { devices: { total_j: number | null; reason: string }[] } | null
  energy_reason: string | null
  findings: { code: string; text: string }[]
}

const during = (scenario: string, env: NodeJS.ProcessEnv = {}) =>
  llem(['exec', '--simulate', scenario, '--json', '--', 'sh', '-c', 'sleep 2; echo it ran >&2; exit 5'], {
    env,
  })

describe('a GPU that does not answer while a command runs', () => {
  it.for(byDay(1, ['instant', 'energy', 'all']))('costs the other one nothing (%s)', async (call) => {
    const scenario = pair({ faults: [{ from_s: 1, call, hang: true }] })
    const { code, stdout, tookMs } = await during(scenario)
    expect(code).toBe(5)
    expect(tookMs).toBeLessThan(12_000)
    const { energy, findings }: Told = JSON.parse(stdout)
    const [silent, other] = energy?.devices ?? []
    expect(silent?.total_j).toBeNull()
    expect(silent?.reason).toMatch(/^the driver has been asked for \d\.\d s without an end, nvml\w+ last; /)
    expect(other?.total_j).toBeCloseTo(400, -1.5)
    expect(findings.map(({ code }) => code)).toContain('driver_silent')
  })
})

describe("a driver's library that crashes", () => {
  const crashes = { faults: [{ from_s: 1, call: 'instant', crash: true }] }
  const told = /The GPU driver's library crashed in nvmlDeviceGetFieldValues \(SIGSEGV\)/

  it('while a command runs leaves it running, keeps its exit code and says what happened', async () => {
    const { code, stdout, stderr, tookMs } = await during(pair(crashes))
    expect(code).toBe(5)
    expect(stderr).toMatch(told)
    expect(stderr).toContain('it ran')
    expect(tookMs).toBeLessThan(10_000)
    const { energy, findings }: Told = JSON.parse(stdout)
    const where = "the driver's library crashed in nvmlDeviceGetFieldValues (SIGSEGV)"
    expect(energy?.devices.map(({ total_j }) => total_j)).toEqual([null, null])
    expect(energy?.devices[0]?.reason).toContain(`${where}; `)
    expect(energy?.devices[1]?.reason).toContain(`at GPU 0 ${where}, so that nobody was asked; `)
    expect(findings.map(({ code }) => code)).toContain('driver_crashed')
  })

  it('before a command runs costs the energy of that GPU', async () => {
    const { code, stdout, stderr } = await during(pair({ faults: [{ call: 'instant', crash: true }] }))
    expect(code).toBe(5)
    expect(stderr).toMatch(told)
    expect(JSON.parse(stdout)).toMatchObject({
      energy: {
        devices: [{ index: 1, total_j: expect.closeTo(400, -1.5) }],
        unmeasured: [{ gpu_index: 0, reason: expect.stringMatching(/crashed \(SIGSEGV\)/) }],
      },
    })
  })

  it.for(['crash', 'hang'])('or a GPU that nobody measures (%s), lets the command end', async (how) => {
    const scenario = pair({ faults: [{ from_s: 0.4, call: 'all', [how]: true }] })
    const { code, tookMs } = await during(scenario, {
      CUDA_VISIBLE_DEVICES: '1',
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
    })
    expect(code).toBe(5)
    expect(tookMs).toBeLessThan(12_000)
  })

  it('at every GPU is an error of `llem devices`', async () => {
    const all = { faults: [{ call: 'all', crash: true }] }
    const broken = await llem(['devices', '--simulate', pair(all, all)])
    expect(broken.code).toBe(1)
    expect(broken.stderr).toMatch(/\[NVML_CRASHED\]/)
  })

  it('at one GPU is told beside the others', async () => {
    const scenario = pair({ faults: [{ call: 'nvmlDeviceGetName', crash: true }] })
    const { code, stdout } = await llem(['devices', '--simulate', scenario, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      devices: [{ index: 1 }],
      unreadable: [
        { index: 0, reason: "the driver's library crashed (SIGSEGV); its last call was nvmlDeviceGetName" },
      ],
    })
  })

  it('before a command runs lets it run, also where GPUs were named', async () => {
    const args = ['exec', '--simulate', pair({ faults: [{ call: 'nvmlDeviceGetName', crash: true }] })]
    const { code } = await llem([...args, '--devices', '0', '--', 'sh', '-c', 'exit 6'])
    // The GPU that was named cannot be had, and that is known before the command runs.
    expect(code).toBe(1)
    const whole = { faults: [{ call: 'init', crash: true }] }
    const all = ['exec', '--simulate', pair({}, whole), '--devices', '0', '--', 'sh', '-c', 'exit 6']
    expect((await llem(all)).code).toBe(6)
  })
})
