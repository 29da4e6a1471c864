import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { quickDataDir, quickLlamacpp } from '../backends/quick-llamacpp.js'
import { scratchFolder, tinyModel } from '../backends/tiny-model.js'
import { startNode } from '../native/llem.js'
import { atNight } from '../setup/at-night.js'

vi.setConfig({ testTimeout: 60_000 })

const examples = fileURLToPath(new URL('../../examples', import.meta.url))
const folder = scratchFolder()

beforeAll(async () => {
  await quickLlamacpp()
}, 180_000)

const runExample = (name: string, ...args: string[]) =>
  startNode([join(examples, name), ...args], {
    cwd: folder,
    env: { XDG_DATA_HOME: dirname(quickDataDir), XDG_CACHE_HOME: join(folder, 'cache') },
  }).ended

describe('the examples', () => {
  it('are all tested here', () => {
    const scripts = readdirSync(examples).filter((name) => name.endsWith('.mjs'))
    expect(scripts.sort()).toEqual(['measure.mjs', 'run-experiment.mjs'])
  })

  it('measure.mjs prints joules', async () => {
    const { code, stdout, stderr } = await runExample('measure.mjs', '--simulate')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      /^SIMULATED: .*\ndone: [\d.]+ J in 2\.\d\d s\n {2}GPU 0 NVIDIA H200: [\d.]+ W mean, by (counter|integral)\n$/,
    )
  })

  it('run-experiment.mjs prints tokens, joules and where the files are', async () => {
    const model = tinyModel(folder, 'tiny')
    const { code, stdout, stderr } = await runExample('run-experiment.mjs', model, '--simulate')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^SIMULATED: .*\n\d+ tokens, \d+ tokens\/s\n[\d.]+ J, [\d.]+ J\/token\n\S+\n$/)
  })

  atNight('run-experiment.mjs says why there is no energy where there is no GPU', async () => {
    const model = tinyModel(folder, 'tiny')
    const { code, stdout, stderr } = await runExample('run-experiment.mjs', model)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/\nThe energy is unknown: .*Install the NVIDIA driver/)
  })
})
