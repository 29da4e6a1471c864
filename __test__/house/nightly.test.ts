// What runs at night: the workflow has a job for each shard of the script, and the script knows no other.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { root } from './sources.js'

const nightly = (...args: string[]) =>
  spawnSync(process.execPath, ['scripts/nightly.mjs', ...args], { cwd: root, encoding: 'utf8' })

describe('npm run test:nightly', () => {
  it('has the shards that the workflow runs, each within an hour', () => {
    const { jobs } = parse(readFileSync(join(root, '.github/workflows/nightly.yml'), 'utf8'))
    const shards = nightly('--list').stdout.trim().split('\n')
    expect(jobs.shard.strategy.matrix.shard).toEqual(shards)
    expect(shards).toEqual(
      expect.arrayContaining(['long-1', 'faults-1', 'kills-1', 'fuzz-rust', 'coverage', 'mutation']),
    )
  })

  it('runs every file that is only there at night', () => {
    const script = readFileSync(join(root, 'scripts/nightly.mjs'), 'utf8')
    const files = readdirSync(join(root, '__test__'), { recursive: true, encoding: 'utf8' })
    const names = files.flatMap((path) => /([\w-]+)\.nightly\.test\.ts$/.exec(path)?.[1] ?? [])
    expect(names.length).toBeGreaterThan(5)
    expect(names.filter((name) => !new RegExp(`[/'\`]${name}['.]`).test(script))).toEqual([])
  })

  it('refuses a shard that there is not, before anything runs', () => {
    const { status, stdout, stderr } = nightly('loom', 'fuz')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^There is no shard fuz; there are long-1, /)
  })
})
