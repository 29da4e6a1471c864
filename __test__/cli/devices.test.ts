import { describe, expect, it } from 'vitest'
import { llem } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder } from '../native/scenario.js'
import { paragraph } from './paragraph.js'

const STEADY = [{ for_s: 1, w: 300 }]

describe('llem devices', () => {
  it('lists the simulated GPU in columns, and says on stderr that it is one', async () => {
    const { code, stdout, stderr } = await llem(['devices', '--simulate'])
    expect(code).toBe(0)
    expect(stderr).toBe(
      'SIMULATED: these numbers come from a simulated GPU, not from hardware.\nDriver 580.95.05 | CUDA 13.0\n',
    )
    const [head, row, ...rest] = stdout.split('\n')
    expect(head).toMatch(/^ +vendor +name +memory +now +limit +power from +counter +persistence +MIG +UUID$/)
    expect(row).toMatch(
      /^0 +nvidia +NVIDIA H200 +140 GiB +75 W +700 W +instant +yes +on +off +GPU-0{8}-0000-0000-0000-0{11}1$/,
    )
    expect(rest).toEqual([''])
  })

  it('prints JSON and nothing else with --json', async () => {
    const scenario = scenarioFile([
      gpu(0, STEADY),
      gpu(1, STEADY, { name: 'NVIDIA A100-SXM4-80GB', architecture: 'ga100', counter: { supported: false } }),
    ])
    const { code, stdout, stderr } = await llem(['devices', '--simulate', scenario, '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      simulated: true,
      driver_version: '580.95.05',
      devices: [
        { index: 0, energy_counter: true, power_w: 300, power_domain: 'instant' },
        { index: 1, energy_counter: false, name: 'NVIDIA A100-SXM4-80GB' },
      ],
    })
  })

  it('knows the period that an earlier run saw', async () => {
    const env = { XDG_DATA_HOME: scratchFolder() }
    const restless = gpu(0, [{ for_s: 60, sine: { mean_w: 300, amplitude_w: 90, period_s: 0.37 } }], {
      sensor: { update_period_ms: 80 },
    })
    const scenario = scenarioFile([restless, gpu(1, STEADY)])
    const args = ['devices', '--simulate', scenario]
    const unknown = { update_period_ms: null, window_ms: null, delay_ms: null }
    const before = JSON.parse((await llem([...args, '--json'], { env })).stdout)
    expect(before.devices[0]).toMatchObject({ sensor: unknown, calibration: null })

    const { code } = await llem(['exec', '--simulate', scenario, '--', 'sleep', '1.5'], { env })
    expect(code).toBe(0)
    const { devices } = JSON.parse((await llem([...args, '--json'], { env })).stdout)
    expect(devices[0].sensor.update_period_ms).toBeCloseTo(80, 0)
    expect(devices[1].sensor).toEqual(unknown)
    const { stdout } = await llem([...args, '-v'], { env })
    expect(stdout).toMatch(
      /GPU 0 was not calibrated .* saw its sensor publish every (79\.[5-9]|80\.[0-4])\d ms\.$/m,
    )
    expect(stdout).toMatch(/GPU 1 was not calibrated .* see `llem calibrate`\.$/m)
  })

  it('says that there are none', async () => {
    const { code, stdout, stderr } = await llem(['devices', '--simulate', scenarioFile([])])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toContain('The driver sees no GPU.\n')
  })

  it('without a driver says why and what to do', async () => {
    const { code, stdout, stderr } = await llem(['devices'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(paragraph('NVML_NOT_FOUND'))
    expect(stderr).toContain('add --simulate')
  })

  it('says with -v what would be measured, and which variables leave it that', async () => {
    const lost = { faults: [{ call: 'all', error: 'gpu_is_lost' }] }
    const scenario = scenarioFile([gpu(0, STEADY), gpu(1, STEADY, lost), gpu(2, STEADY)])
    const env = {
      CUDA_VISIBLE_DEVICES: '2,1',
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
      NVIDIA_VISIBLE_DEVICES: 'all',
    }
    const { stdout } = await llem(['devices', '-v', '--simulate', scenario], { env })
    expect(stdout).toMatch(
      /^Measured by default: GPU 2 \(CUDA_VISIBLE_DEVICES=2,1 CUDA_DEVICE_ORDER=PCI_BUS_ID NVIDIA_VISIBLE_DEVICES=all\)\.$/m,
    )
    expect(stdout).toMatch(/^Not measured: GPU 1: .*fell off the bus.*\.$/m)
    const { visible } = JSON.parse((await llem(['devices', '-v', '--json', '--simulate', scenario])).stdout)
    expect(visible).toMatchObject({ variables: {}, measured: [0, 2], unmeasured: [{ index: 1 }], notes: [] })
  })
})
