// The image of llem on a Debian 13 that debootstrap makes of the packages of this machine's own mirror: a real distribution, from
// no registry of images. It takes two minutes; `image.test.ts` does the same on this machine's own Node.

import { execFile, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { scratchFolder } from '../backends/tiny-model.js'
import { debianSource, startEngine } from './engine.js'
import { build, contextOf, imageOf, removeImages } from './image.js'

it('is built on Debian, and measures there', { timeout: 900_000 }, async (context) => {
  const source = debianSource()
  const canMake = spawnSync('debootstrap', ['--version']).status === 0 && process.getuid?.() === 0
  if (!canMake || source === null) context.skip('debootstrap, root or a Debian mirror is missing')
  const { engine, reason } = await startEngine()
  if (engine === null) return context.skip(reason)
  try {
    const debian = join(scratchFolder(), 'debian')
    const uri = / (\S+) trixie main/.exec(source ?? '')?.[1] ?? ''
    await promisify(execFile)(
      'debootstrap',
      ['--variant=minbase', '--include=nodejs', 'trixie', debian, uri],
      {
        maxBuffer: 1 << 26,
      },
    )
    // What apt has downloaded is no part of a system.
    rmSync(join(debian, 'var/cache/apt/archives'), { recursive: true, force: true })
    const base = await imageOf(debian, `llem-debian-${process.pid}`, engine)
    const image = await build(await contextOf(), base, `llem-image-${process.pid}`, engine)
    const { code, stdout, stderr } = await image.run('exec', '--simulate', '--json', '--', 'sleep', '1')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout).energy.total_j).toBeGreaterThan(0)
  } finally {
    await removeImages(engine, `llem-image-${process.pid}`, `llem-debian-${process.pid}`)
    await engine.stop()
  }
})
