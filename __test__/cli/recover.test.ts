import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { within } from '../backends/processes.js'
import { llem, startLlem } from '../native/llem.js'
import { installPyarrow, readParquet } from '../native/pyarrow.js'
import { gpu, scenarioFile, scratchFolder } from '../native/scenario.js'
import { byDay } from '../setup/at-night.js'
import { pathIn } from './experiment.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

/** What a kill may cost: the last five seconds, and some for a busy machine. */
const LOST_S = 6.5

let missing: string | null = null
beforeAll(() => {
  missing = installPyarrow()
})

/** Starts to measure two GPUs of 300 W; resolves when the window is open. */
async function measuring() {
  const outputDir = scratchFolder()
  const steady = [{ for_s: 1, w: 300 }]
  const scenario = scenarioFile([gpu(0, steady), gpu(1, steady)])
  const options = ['-o', outputDir, '--full-rate']
  const { child, ended } = startLlem(['exec', '--simulate', scenario, ...options, '--', 'sleep', '30'])
  const isOpen = () => readdirSync(outputDir).some((id) => readdirSync(join(outputDir, id)).length === 4)
  expect(await within(30_000, isOpen)).toBe(true)
  return { child, ended, dir: dirname(pathIn(outputDir, 'samples.parquet.partial')) }
}

describe.concurrent('after kill -9', () => {
  it.for(byDay(2, [0, 1, 2, 3, 4]))(
    'at a random moment all but the last five seconds are there (%i)',
    async (attempt, context) => {
      const { child, ended, dir } = await measuring()
      const openedMs = performance.now()
      const killedS = attempt * 2.5 + Math.random() * 2.5
      await sleep(killedS * 1000)
      const refused = await llem(['recover', dir])
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('[FILE_IN_USE]')])
      child.kill('SIGKILL')
      const livedS = (performance.now() - openedMs) / 1000
      await ended

      const { code, stdout, stderr } = await llem(['recover', '--json', dir])
      expect(code, stderr).toBe(0)
      const { recovered } = JSON.parse(stdout)
      expect(recovered.map(({ file }: { file: string }) => file)).toEqual([
        'samples.parquet',
        'timeseries.parquet',
      ])
      expect(readdirSync(dir).sort()).toEqual(['samples.parquet', 'timeseries.parquet'])
      expect(recovered[0].duration_sec).toBeGreaterThan(livedS - LOST_S)

      if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
      const samples = readParquet(join(dir, 'samples.parquet'))
      expect(samples.metadata['llem.recovered']).toBe('true')
      expect(samples.columns.timestamp_s).toHaveLength(recovered[0].rows)
      for (const milliwatts of samples.columns.power_mw ?? []) expect(milliwatts).toBe(300_000)
      const rows = readParquet(join(dir, 'timeseries.parquet'))
      expect(rows.columns.timestamp_s).toHaveLength(recovered[1].rows)
      for (const watts of rows.columns.power_w ?? []) expect(watts).toBeCloseTo(300, 3)
    },
  )

  it('what was recovered once is not recovered twice, and verify says that there is no result', async () => {
    const { child, ended, dir } = await measuring()
    child.kill('SIGKILL')
    await ended
    expect((await llem(['recover', dir])).code).toBe(0)
    const again = await llem(['recover', dir])
    expect([again.code, again.stdout]).toEqual([1, ''])
    expect(again.stderr).toContain(`There is nothing to recover in ${dir}`)
    const verified = await llem(['verify', dir])
    expect([verified.code, verified.stderr]).toEqual([2, expect.stringContaining('[RESULT_MISSING]')])
  })
})

it('a window that ends by itself leaves nothing to recover', async () => {
  const outputDir = scratchFolder()
  await llem(['exec', '--simulate', '-o', outputDir, '--full-rate', '--', 'sleep', '1'])
  const dir = dirname(pathIn(outputDir, 'result.json'))
  expect(readdirSync(dir).sort()).toEqual(['result.json', 'samples.parquet', 'timeseries.parquet'])
  expect((await llem(['recover', dir])).code).toBe(1)
})
