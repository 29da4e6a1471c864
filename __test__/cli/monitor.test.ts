import { describe, expect, it } from 'vitest'
import { sparkline } from '../../dist/cli/sparkline.js'
import { llem, startLlem } from '../native/llem.js'
import { gpu, scenarioFile, textFile } from '../native/scenario.js'

describe('llem monitor', () => {
  it('prints a JSON line at each of five refreshes a second, and nothing else', async () => {
    const { code, stdout, stderr } = await llem(['monitor', '--simulate', '--json', '--duration', '2'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.length).toBeGreaterThanOrEqual(8)
    expect(lines.length).toBeLessThanOrEqual(10)
    // The built-in scenario idles at 75 W for its first five seconds.
    const last = lines.at(-1)
    expect(last).toMatchObject({ simulated: true, devices: [{ index: 0, power_w: 75, throttle_reasons: 0 }] })
    const spanS = (last.at_ns - lines[0].at_ns) / 1e9
    const energyJ = last.devices[0].energy_j - lines[0].devices[0].energy_j
    expect(energyJ / spanS).toBeCloseTo(75, 1)
  })

  it('prints plain tables where no terminal is, marked as simulated', async () => {
    const { code, stdout, stderr } = await llem(['monitor', '--simulate', '--duration', '1.5'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/^SIMULATED: /)
    expect(stdout).toMatch(/NVIDIA H200 +75\.0 W/)
    expect(stdout).not.toContain('\u001B')
    expect(stdout).toMatch(/^GPU 0: [\d.]+ J \+- [\d.]+ J in 1\.\d s \(.* with the board's gain\)$/m)
  })

  it('ends at once and without a word on Ctrl-C', async () => {
    const { child, ended } = startLlem(['monitor', '--simulate', '--json'])
    child.stdout?.once('data', () => child.kill('SIGINT'))
    const { code, stderr, tookMs } = await ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(tookMs).toBeLessThan(5000)
  })

  it('says at its end what its window found, as exec does', async () => {
    const scenario = scenarioFile([gpu(0, [{ for_s: 60, w: 75 }], { persistence_mode: false })])
    const { stdout, stderr } = await llem(['monitor', '--simulate', scenario, '--json', '--duration', '1'])
    expect(stderr).toBe(
      "Warning: gpu_persistence_mode_off: power state variation may inflate measurements. Run 'nvidia-smi -pm 1' to enable persistence mode.\n",
    )
    expect(stdout).not.toContain('Warning')
  })

  it('repeats no old reading while the driver hangs, and says why there is none', async () => {
    const hang = { faults: [{ from_s: 1, to_s: 4, call: 'fields', stall_ms: 3000 }] }
    const scenario = scenarioFile([gpu(0, [{ for_s: 60, w: 300 }], hang)])
    const { stdout } = await llem(['monitor', '--simulate', scenario, '--json', '--duration', '3.5'])
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const silent = lines.filter(({ devices }) => devices[0].reason !== null)
    // From 1 s after the last reading to the end of the call.
    expect(silent.length).toBeGreaterThan(4)
    for (const { at_ns, devices } of silent) {
      expect(at_ns).toBeNull()
      expect(devices[0]).toMatchObject({ index: 0, power_w: null, energy_j: null, temperature_c: null })
      expect(devices[0].reason).toMatch(/^the driver has not answered for [1-3]\.\d s$/)
    }
    const now = lines.filter(({ devices }) => devices[0].reason === null)
    expect(now.length).toBeGreaterThan(2)
    for (const { devices } of now) expect(devices[0].power_w).toBeCloseTo(300, 3)
  })

  it('nor of one GPU that hangs, while the others are read', async () => {
    const hang = { faults: [{ from_s: 1, call: 'fields', hang: true }] }
    const scenario = textFile(
      'hangs.json',
      JSON.stringify({
        version: 2,
        devices: [gpu(0, [{ for_s: 60, w: 300 }]), gpu(1, [{ for_s: 60, w: 200 }], hang)],
      }),
    )
    const { code, stdout } = await llem(['monitor', '--simulate', scenario, '--json', '--duration', '3.5'])
    expect(code).toBe(0)
    const { at_ns, devices } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
    expect(at_ns).not.toBeNull()
    expect(devices[0].power_w).toBeCloseTo(300, 3)
    expect(devices[1]).toMatchObject({ power_w: null, energy_j: null })
    expect(devices[1].reason).toMatch(/^the driver has not answered for \d\.\d s$/)
  })

  it('says what a GPU that cannot be read answers', async () => {
    const lost = { faults: [{ from_s: 0.8, call: 'all', error: 'gpu_is_lost' }] }
    const scenario = scenarioFile([gpu(0, [{ for_s: 60, w: 300 }], lost)])
    const { stdout } = await llem(['monitor', '--simulate', scenario, '--json', '--duration', '2'])
    const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
    expect(last.devices[0]).toMatchObject({ power_w: null, reason: 'GPU is lost' })
  })

  it('refuses a duration that is none', async () => {
    const { code, stderr } = await llem(['monitor', '--simulate', '--duration', 'x'])
    expect(code).toBe(2)
    expect(stderr).toContain('above 0')
  })
})

describe('a sparkline', () => {
  it.each([
    ['spans the smallest to the largest value', [0, 50, 100], '▁▅█'],
    ['is a line in the middle for a steady signal', [75, 75], '▅▅'],
    ['has a gap where a value is unknown', [0, null, 7], '▁ █'],
    ['is blank where nothing is known', [null, null], '  '],
  ])('%s', (_, values, expected) => {
    expect(sparkline(values)).toBe(expected)
  })
})
