import { describe, expect, it, vi } from 'vitest'
import { llem } from '../native/llem.js'
import { textFile } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const execute = (scenario: string, ...options: string[]) =>
  llem(['exec', '--simulate', scenario, ...options, '--', 'true'])

describe('a scenario that', () => {
  it('is not there is an error of usage', async () => {
    const { code, stdout, stderr } = await execute('/nowhere/scenario.json')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(
      /^llem: The scenario \/nowhere\/scenario\.json cannot be read: .* \[SCENARIO_UNREADABLE\]\n$/,
    )
  })

  it.for([
    ['has an unknown key', '{"version":1,"devices":[{"pwer":{}}]}', 'devices[0].pwer is not a known key'],
    ['is not JSON', '{"version": 1,\n "devices": [}', 'line 2 column'],
    ['is of another version', '{"version":3,"devices":[]}', 'version must be 1 or 2'],
    [
      'says in format 1 what is of format 2',
      '{"version":1,"devices":[{"state":"lost"}]}',
      'devices[0].state is of format 2',
    ],
    ['is empty', '', 'line 1'],
    ['has a wrong type', '{"version":1,"devices":[{"power_limit_w":"700"}]}', 'devices[0].power_limit_w'],
  ] as const)(
    '%s is refused by the library with the place, and by llem in one paragraph',
    async ([, text, place]) => {
      const path = textFile('scenario.json', text)
      const { code, stdout, stderr } = await execute(path)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      const [reason, error, ...rest] = stderr.split('\n')
      expect(reason).toMatch(/^nvml-sim: /)
      expect(reason).toContain(place)
      expect(error).toBe(
        `llem: The scenario ${path} is not valid: the line of nvml-sim above says what is wrong and where. Mend the file, or use --simulate alone for the built-in scenario. [SCENARIO_INVALID]`,
      )
      expect(rest).toEqual([''])
    },
  )

  it('is refused shows a stack trace with -v only', async () => {
    const path = textFile('scenario.json', '{')
    expect((await execute(path)).stderr).not.toContain('    at ')
    expect((await execute(path, '-v')).stderr).toContain('    at ')
  })
})
