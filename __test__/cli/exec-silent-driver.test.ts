import { describe, expect, it, vi } from 'vitest'
import { llem } from '../native/llem.js'
import { gpu, textFile } from '../native/scenario.js'

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
    expect(stderr).toContain(
      'llem: Waiting for the GPU driver, which has not answered for 3 s (the list of the GPUs); for 1 s more.\n',
    )
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain('The GPU driver has not answered for 4 s')
    expect(tookMs).toBeGreaterThan(4000)
    expect(tookMs).toBeLessThan(20_000)
  })

  it('fails what must have energy, before the command runs', async () => {
    const { code, stdout, stderr } = await execute(which, '--require-energy')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('[NVML_SILENT]')
  })
})
