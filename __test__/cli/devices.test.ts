import { describe, expect, it } from 'vitest'
import { llem } from '../native/llem.js'
import { gpu, scenarioFile } from '../native/scenario.js'
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
    expect(head).toMatch(/^ +name +memory +now +limit +power from +counter +persistence +MIG +UUID$/)
    expect(row).toMatch(
      /^0 +NVIDIA H200 +140 GiB +75 W +700 W +instant +yes +on +off +GPU-0{8}-0000-0000-0000-0{11}1$/,
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
})
