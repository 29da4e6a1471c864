import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { namedScenarios } from '../../dist/native/scenarios.js'
import { llem } from '../native/llem.js'

vi.setConfig({ testTimeout: 60_000 })

const namesOfGpus = async (scenario: string, cwd = process.cwd()) => {
  const { code, stdout, stderr } = await llem(['devices', '--simulate', scenario, '--json'], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { devices } = JSON.parse(stdout) as { devices: { name: string }[] }
  return devices.map(({ name }) => name)
}

describe('--simulate help', () => {
  it.for([
    ['exec', '--simulate', 'help'],
    ['exec', '--simulate', 'help', '--', 'true'],
    ['run', '--simulate', 'help'],
    ['campaign', '--simulate=help'],
    ['baseline', 'measure', '--simulate', 'help'],
  ])('is a list on stdout, whatever %j lacks', async (args) => {
    const { code, stdout, stderr } = await llem(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(namedScenarios().length)
    for (const line of lines) expect(line).toMatch(/^[a-z0-9-]+ +\S.*\.$/)
    expect(stdout).toMatch(/^h100 +H100 PCIe: 25 ms mean every 100 ms/m)
  })

  it('is a file where there is one of that name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llem-help-'))
    writeFileSync(join(folder, 'help'), '{"devices":[{"name":"from the file"}]}')
    expect(await namesOfGpus('help', folder)).toEqual(['from the file'])
  })
})

describe('a scenario by its name', () => {
  it.for([
    ['h100', ['NVIDIA H100 PCIe']],
    ['v100', ['Tesla V100-SXM2-32GB']],
    ['slow-first', ['NVIDIA GeForce GT 1030', 'NVIDIA GeForce RTX 4090']],
    ['lying-slow-driver', Array(8).fill('NVIDIA H200')],
  ] as [string, string[]][])('%s is measured', async ([name, gpus]) => {
    expect(await namesOfGpus(name)).toEqual(gpus)
  })

  it('is measured by a command like any other', async () => {
    const { code, stdout } = await llem(['exec', '--simulate', 'a100', '--json', '--', 'sleep', '0.3'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      simulated: true,
      energy: { devices: [{ name: 'NVIDIA A100-SXM4-80GB' }] },
    })
  })

  it('gives way to a file of that name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llem-named-'))
    writeFileSync(join(folder, 'h100'), '{"devices":[{"name":"from the file"}]}')
    expect(await namesOfGpus('h100', folder)).toEqual(['from the file'])
  })

  it.for([
    ['h10O', 'Did you mean h100? '],
    ['lying-spike', 'Did you mean lying-spikes? '],
    ['nothing-of-the-kind', ''],
  ])('%s, which is none, says which was meant', async ([name, meant]) => {
    const { code, stdout, stderr } = await llem(['exec', '--simulate', name as string, '--', 'true'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toBe(
      `llem: There is no scenario ${name}, as a file or by name. ${meant}Give the path of a scenario file or a name that \`--simulate help\` lists, or --simulate alone for the built-in one; a command stands after --, as in \`llem exec --simulate -- sleep 1\`. [SCENARIO_UNKNOWN]\n`,
    )
  })
})

describe('the names', () => {
  it('are those of boards, and of what lies', () => {
    const names = namedScenarios().map(({ name }) => name)
    const boards = 'h100 a100 a10 l4 t4 v100 gh200 b200 no-counter'.split(' ')
    const lies =
      'low-sensor late blind-counter slow-counter stuck-sensor counter-jump spikes module-counter slow-driver heavy-tail 500ms'
    expect(names).toEqual(
      expect.arrayContaining([...boards, ...lies.split(' ').map((lie) => `lying-${lie}`)]),
    )
    expect(names.findIndex((name) => name.startsWith('lying-'))).toBe(
      names.filter((name) => !name.startsWith('lying-')).length,
    )
  })
})
