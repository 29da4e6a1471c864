import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { takeLock, waitForLock } from '../../dist/native/lock.js'
import { startNode } from './llem.js'
import { scratchFolder } from './scenario.js'

const freshPath = () => join(scratchFolder(), 'x.lock')

describe('a lock', () => {
  it('is held by one at a time, and may be let go of twice', async () => {
    const path = freshPath()
    const lock = await takeLock(path)
    expect(lock).not.toBeNull()
    expect(await takeLock(path)).toBeNull()
    lock?.release()
    lock?.release()
    expect(await takeLock(path)).not.toBeNull()
  })

  it('is waited for, one after the other', async () => {
    const path = freshPath()
    let holders = 0
    let most = 0
    const turns = Array.from({ length: 4 }, async () => {
      const lock = await waitForLock(path)
      holders += 1
      most = Math.max(most, holders)
      await new Promise((resolve) => setTimeout(resolve, 20))
      holders -= 1
      lock.release()
    })
    await Promise.all(turns)
    expect(most).toBe(1)
  })

  it('is waited for no longer when that is aborted', async () => {
    const path = freshPath()
    await takeLock(path)
    let waits = 0
    const onWait = () => {
      waits += 1
    }
    await expect(waitForLock(path, { signal: AbortSignal.timeout(400), onWait })).rejects.toThrow()
    expect(waits).toBeGreaterThan(0)
  })

  it('goes with the process that holds it, however that ends', async () => {
    const path = freshPath()
    const module = new URL('../../dist/native/lock.js', import.meta.url).href
    const code = `
const { takeLock } = await import(${JSON.stringify(module)})
const lock = await takeLock(${JSON.stringify(path)})
console.log(lock !== null)
setInterval(() => lock, 1000)`
    const { child, ended } = startNode(['--input-type=module', '-e', code])
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    expect(await takeLock(path)).toBeNull()
    child.kill('SIGKILL')
    await ended
    expect(await takeLock(path)).not.toBeNull()
  })

  it('that cannot be made is an error with advice', async () => {
    await expect(takeLock('/nowhere/x.lock')).rejects.toMatchObject({
      code: 'LOCK_FAILED',
      hint: expect.any(String),
    })
  })
})
