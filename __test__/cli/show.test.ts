import { dirname } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { fixtureJson, placed } from '../results/fixtures.js'
import { pathIn, resultIn, run } from './experiment.js'

vi.setConfig({ testTimeout: 60_000 })

const SIMULATED = 'SIMULATED: these numbers come from a simulated GPU, not from hardware.'

describe('llem show', () => {
  it('prints what `llem run` printed, and with --json its result.json', async () => {
    const printed = await run(['--simulate', '-q', '-n', '2'])
    const dir = dirname(pathIn(printed.outputDir, 'result.json'))
    expect(await llem(['show', dir])).toMatchObject({ code: 0, stdout: printed.stdout, stderr: '' })
    const json = await llem(['show', '--json', dir])
    expect(JSON.parse(json.stdout)).toEqual({ ...resultIn(printed.outputDir), result_dir: dir })
  })

  it('prints what `llem exec` printed', async () => {
    const outputDir = scratchFolder()
    const printed = await llem(['exec', '--simulate', '-o', outputDir, '--', 'sleep', '0.5'])
    const dir = dirname(pathIn(outputDir, 'result.json'))
    expect(await llem(['show', dir])).toMatchObject({ code: 0, stdout: printed.stderr, stderr: '' })
  })

  it('prints a result of schema 3.0.0', async () => {
    const dir = placed('run', scratchFolder())
    const { code, stdout, stderr } = await llem(['show', dir])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual(
      expect.arrayContaining([
        SIMULATED,
        '  Energy: 496.55J raw, 422.56J adjusted (baseline: 75.0W)',
        `  Files        ${dir}`,
      ]),
    )
  })

  it('prints what is left of a run that was interrupted', async () => {
    const dir = placed('incomplete', scratchFolder())
    const { code, stdout, stderr } = await llem(['show', dir])
    const { experiment_id } = fixtureJson('incomplete')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.trimEnd().split('\n')).toEqual([
      SIMULATED,
      `  Incomplete  ${experiment_id} (interrupted)`,
      '  Because     llamacpp run was aborted',
      '  Model       tiny-random.gguf (llamacpp)',
      expect.stringMatching(/^ {2}Energy {6}[\d.]+ J \+- [\d.]+ J until then, in [\d.]+ s$/),
      `  Files       ${dir}`,
    ])
  })

  it('of the folder above says which runs are in it', async () => {
    const results = scratchFolder()
    const dir = placed('exec', `${results}/20260101-000000-exec-aaaaaaaaaa`)
    const { code, stdout, stderr } = await llem(['show', results])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toBe(
      `llem: ${results} is no folder of a result: it has no result.json of its own. Give one of ${dir}. [RESULT_MISSING]\n`,
    )
  })
})
