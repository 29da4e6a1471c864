// The lock of file systems that have none, between real processes.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { takeLease } from '../../dist/native/lease.js'
import { scratchFolder } from './scenario.js'

const MODULE = fileURLToPath(new URL('../../dist/native/lease.js', import.meta.url))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** A process that tries to take it and keeps what it got; resolves with what it says. */
async function other(path: string): Promise<{ child: ChildProcess; got: boolean }> {
  const script = `const { takeLease } = await import(${JSON.stringify(MODULE)})
    console.log(takeLease(${JSON.stringify(path)}) !== null)
    setInterval(() => 0, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [said] = await once(child.stdout, 'data')
  return { child, got: String(said).trim() === 'true' }
}

const fresh = () => join(scratchFolder(), 'lock')
const holderFile = (path: string) => {
  const [name = ''] = readdirSync(`${path}.lease`)
  return join(`${path}.lease`, name)
}
function rewrite(path: string, changes: object): void {
  const file = holderFile(path)
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...changes }))
}

it('is held by one, and free for the next once it is given back', () => {
  const path = fresh()
  const first = takeLease(path)
  expect(first).not.toBeNull()
  expect(takeLease(path)).toBeNull()
  first?.release()
  const second = takeLease(path)
  expect(second).not.toBeNull()
  second?.release()
  expect(readdirSync(dirname(path))).toEqual([])
})

it('is taken by one of ten processes that want it at once', async () => {
  const path = fresh()
  const got = await Promise.all(Array.from({ length: 10 }, () => other(path)))
  expect(got.filter((each) => each.got)).toHaveLength(1)
})

it('of a process that was killed is free at once', async () => {
  const path = fresh()
  const { child, got } = await other(path)
  expect(got).toBe(true)
  expect(takeLease(path)).toBeNull()
  child.kill('SIGKILL')
  await once(child, 'exit')
  const taken = takeLease(path)
  expect(taken).not.toBeNull()
  taken?.release()
})

it('of another machine is believed for as long as it beats', () => {
  const path = fresh()
  takeLease(path)
  rewrite(path, { host: 'elsewhere', beat_at: new Date(Date.now() - 30_000).toISOString() })
  expect(takeLease(path)).toBeNull()
  rewrite(path, { beat_at: new Date(Date.now() - 90_000).toISOString() })
  expect(takeLease(path)).not.toBeNull()
})

it('that was taken by somebody else ends its first holder, and is not given back by it', async () => {
  const path = fresh()
  let lost = 0
  const mine = takeLease(path, {
    beatMs: 20,
    onLost: () => {
      lost += 1
    },
  })
  renameSync(`${path}.lease`, `${path}.taken`)
  mkdirSync(`${path}.lease`)
  const theirs = join(`${path}.lease`, 'theirs.json')
  writeFileSync(theirs, '{}')
  await expect.poll(() => lost).toBe(1)
  mine?.release()
  expect(existsSync(theirs)).toBe(true)
})
