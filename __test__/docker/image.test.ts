// The image of llem on a real engine. Its base here is this machine's own Node and nothing else; on a Debian made by
// debootstrap it is built at night (image.nightly.test.ts).

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, type TestContext, vi } from 'vitest'
import { atNight } from '../setup/at-night.js'
import { type Engine, startEngine } from './engine.js'
import { build, contextOf, type Image, imageOf, nodeAlone, removeImages } from './image.js'

vi.setConfig({ testTimeout: 120_000 })

let engine: Engine | null = null
let missing: string | null = null
let context = ''
let base = ''
let image: Image

beforeAll(async () => {
  const started = await startEngine()
  engine = started.engine
  missing = started.reason
  if (engine === null) return
  base = await imageOf(nodeAlone(), `llem-base-${process.pid}`, engine)
  context = await contextOf()
  image = await build(context, base, `llem-image-${process.pid}`, engine)
}, 180_000)

afterAll(async () => {
  const names = ['again', 'image', 'base'].map((name) => `llem-${name}-${process.pid}`)
  if (engine !== null) await removeImages(engine, ...names)
  await engine?.stop()
}, 60_000)

function engineOf(test: TestContext): Engine {
  if (engine === null) test.skip(missing ?? 'no engine')
  return engine as Engine
}

describe('the image', () => {
  it('has llem as its entry point, and measures a command in it', async (test) => {
    engineOf(test)
    const { code, stdout, stderr } = await image.run('exec', '--simulate', '--json', '--', 'sleep', '1')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { energy, simulated } = JSON.parse(stdout)
    expect(simulated).toBe(true)
    expect(energy.total_j).toBeGreaterThan(0)
  })

  it('runs as nobody in particular, with a home that it may write to', async (test) => {
    engineOf(test)
    expect(await image.run('exec', '--simulate', '-q', '--', 'id', '-u')).toMatchObject({
      code: 0,
      stdout: '1000\n',
    })
    const kept = await image.run('exec', '--simulate', '--json', '-o', 'results', '--', 'true')
    expect(JSON.parse(kept.stdout).result_dir).toMatch(/^\/llem\/results\//)
  })

  it('passes the exit code of a command on', async (test) => {
    engineOf(test)
    expect((await image.run('exec', '--simulate', '-q', '--', 'sleep', 'nonsense')).code).toBe(1)
    expect((await image.run('nonsense')).code).toBe(2)
  })

  atNight('is of the same layers when it is built again', async (test) => {
    const again = await build(context, base, `llem-again-${process.pid}`, engineOf(test))
    expect(await again.layers()).toEqual(await image.layers())
  })

  it('adds less than 70 MB to its base, and no CUDA', (test) => {
    engineOf(test)
    const sizes = readdirSync(context, { recursive: true, withFileTypes: true }).map((entry) => ({
      name: entry.name,
      bytes: entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0,
    }))
    expect(sizes.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(70e6)
    expect(sizes.filter(({ name }) => /libcu|libnvrtc|libnccl/i.test(name))).toEqual([])
  })
})
