import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { lockFile, tryLockFile } from '../../dist/core/file-lock.js'
import { scratchFolder } from '../native/scenario.js'

let path: string
beforeEach(() => {
  path = join(scratchFolder(), 'x.lock')
})

/** Larger than any process id. */
const NOBODY = 2 ** 22 + 1
const heldBy = (pid: number, host = hostname()) => writeFileSync(path, `${pid} ${host} 00\n`)
const untouchedFor = (seconds: number) => {
  const then = Date.now() / 1000 - seconds
  utimesSync(path, then, then)
}

describe('a lock', () => {
  it('is held by one at a time, and leaves nothing behind', async () => {
    const lock = await tryLockFile(path)
    expect(lock).not.toBeNull()
    expect(await tryLockFile(path)).toBeNull()
    await lock?.release()
    expect(readdirSync(dirname(path))).toEqual([])
    await (await tryLockFile(path))?.release()
  })

  it('is waited for, one after the other', async () => {
    let holders = 0
    let most = 0
    const turns = Array.from({ length: 5 }, async () => {
      const lock = await lockFile(path)
      holders += 1
      most = Math.max(most, holders)
      await new Promise((resolve) => setTimeout(resolve, 20))
      holders -= 1
      await lock.release()
    })
    await Promise.all(turns)
    expect(most).toBe(1)
  })

  it('is waited for no longer when that is aborted', async () => {
    heldBy(process.pid)
    let waits = 0
    const onWait = () => {
      waits += 1
    }
    await expect(lockFile(path, { signal: AbortSignal.timeout(500), onWait })).rejects.toThrow()
    expect(waits).toBeGreaterThan(0)
  })

  it.for([
    ['of a process of this host that is gone', () => heldBy(NOBODY), true],
    ['of a process of this host', () => heldBy(process.pid), false],
    ['of another host', () => heldBy(NOBODY, 'elsewhere'), false],
    [
      'of another host that has not touched it for long',
      () => {
        heldBy(NOBODY, 'elsewhere')
        untouchedFor(60)
      },
      true,
    ],
  ] as const)('%s is taken over: %s', async ([, hold, isTaken]) => {
    hold()
    const lock = await tryLockFile(path)
    expect(lock !== null).toBe(isTaken)
    expect(readdirSync(dirname(path))).toEqual(['x.lock'])
    await lock?.release()
  })

  it('that was left behind is taken over by one of many', async () => {
    heldBy(NOBODY)
    const locks = await Promise.all(Array.from({ length: 20 }, () => tryLockFile(path)))
    expect(locks.filter((lock) => lock !== null)).toHaveLength(1)
  })

  it('that another one holds by now is not released', async () => {
    const lock = await tryLockFile(path)
    heldBy(process.pid)
    await lock?.release()
    expect(existsSync(path)).toBe(true)
  })

  it('cannot be made where there is no folder', async () => {
    await expect(tryLockFile(join(path, 'deeper'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
