// The power counters of an HPE Cray node, as HPE describes their files: a folder of the tests, as no such node is at hand.

import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readCray } from '../../dist/energy/cray.js'
import { llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'

/** A node whose counters stand at some values. */
function node(): { root: string; write(files: Record<string, string>): void } {
  const root = scratchFolder()
  const folder = join(root, 'cray', 'pm_counters')
  mkdirSync(folder, { recursive: true })
  const write = (files: Record<string, string>) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), `${text}\n`)
  }
  write({
    energy: '285921 J 1700000000000000 us',
    accel0_energy: '120000 J 1700000000000000 us',
    cpu_energy: '9000 J',
    power: '420 W 1700000000000000 us',
    freshness: '100',
    startup: '1700000000',
  })
  return { root, write }
}

describe('the power counters of a Cray node', () => {
  it('stand beside the joules of a window, and are in no sum', async () => {
    const { root } = node()
    const folder = join(root, 'cray', 'pm_counters')
    const later = [
      `echo '286921 J 1700000002500000 us' > ${folder}/energy`,
      `echo '120700 J 1700000002500000 us' > ${folder}/accel0_energy`,
      `echo 125 > ${folder}/freshness`,
    ].join('; ')
    const { stdout, stderr } = await llem(
      ['exec', '--simulate', '--json', '--devices', '0', '--', 'sh', '-c', `sleep 0.5; ${later}`],
      { env: { LLEM_SYSFS_ROOT: root } },
    )
    const { energy } = JSON.parse(stdout === '' ? stderr : stdout)
    const told = Object.fromEntries(energy.untrusted.map((each: { counter: string }) => [each.counter, each]))
    expect(told.energy).toMatchObject({ source: 'cray_pm_counters', energy_j: 1000, seconds: 2.5 })
    expect(told.accel0_energy).toMatchObject({ energy_j: 700 })
    expect(told.cpu_energy).toMatchObject({ energy_j: 0, seconds: null })
    expect(Object.keys(told)).toEqual(['accel0_energy', 'cpu_energy', 'energy'])
    expect(energy.total_j).toBeCloseTo(energy.devices[0].total_j, 9)
  })

  it('have no joules where they were not read anew, began anew, fell, or are gone', () => {
    const cases = [
      [{ energy: '285950 J' }, /freshness stood still/],
      [{ freshness: '5', startup: '1700009999', energy: '10 J' }, /began anew/],
      [{ freshness: '120', energy: '285900 J' }, /counts less/],
      [{ freshness: '120', energy: 'nothing' }, /was gone/],
      [{ freshness: '120', energy: '286421 J 1699999900000001 us' }, /its own time went back/],
      [{ freshness: '120', energy: '285921 J 1700000000000000 us' }, /its own time stood still/],
      [{ freshness: '120', energy: `1${'0'.repeat(23)} J 1700000002000000 us` }, /which no node draws/],
    ] as const
    for (const [files, reason] of cases) {
      const { root, write } = node()
      process.env.LLEM_SYSFS_ROOT = root
      try {
        const end = readCray()
        write(files)
        expect(end().find(({ counter }) => counter === 'energy')).toMatchObject({
          energy_j: null,
          seconds: null,
          reason: expect.stringMatching(reason),
        })
      } finally {
        delete process.env.LLEM_SYSFS_ROOT
      }
    }
  })

  it('are not waited for where a pipe is in their place', () => {
    const { root } = node()
    const path = join(root, 'cray', 'pm_counters', 'energy')
    rmSync(path)
    execFileSync('mkfifo', [path])
    process.env.LLEM_SYSFS_ROOT = root
    try {
      expect(readCray()().map(({ counter }) => counter)).toEqual(['accel0_energy', 'cpu_energy'])
    } finally {
      delete process.env.LLEM_SYSFS_ROOT
    }
  })

  it('are nothing where the node has none', () => {
    process.env.LLEM_SYSFS_ROOT = scratchFolder()
    try {
      expect(readCray()()).toEqual([])
    } finally {
      delete process.env.LLEM_SYSFS_ROOT
    }
  })
})
