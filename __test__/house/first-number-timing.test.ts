// From nothing to a number: the packed llem, with nothing in the cache of npm. Alone, because it is held against a clock.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { hostPlatform } from '../../scripts/platform.mjs'
import { hasTmux, onTerminal } from '../cli/tmux.js'
import { isNight } from '../setup/at-night.js'
import { tarball } from './packed.js'

const scratch = mkdtempSync(join(tmpdir(), 'llem-first-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** What the first screen promises. */
const MOST_S = 20

it('is two commands and 20 s, by day 40 s, with nothing in the cache of npm', { timeout: 180_000 }, () => {
  const userconfig = execFileSync('npm', ['config', 'get', 'userconfig', '--loglevel=error'], {
    encoding: 'utf8',
  })
  const env = {
    ...process.env,
    HOME: scratch,
    NO_COLOR: '1',
    npm_config_cache: join(scratch, 'cache'),
    npm_config_userconfig: userconfig.trim(),
    npm_config_update_notifier: 'false',
  }
  const type = (program: string, ...args: string[]) =>
    spawnSync(program, args, { cwd: scratch, env, encoding: 'utf8' })
  const packages = ['llem', `llem-${hostPlatform()}`].map(tarball)
  writeFileSync(join(scratch, 'package.json'), '{ "private": true }')
  // Others may have the machine meanwhile: then what it took of a processor is held against the same bound. By day the machine may
  // be a slow one besides, as runners are, and gets twice as long.
  const isBusy = (loadavg()[0] ?? 0) > availableParallelism()
  const [startMs, startCpuS] = [performance.now(), childrenCpuS()]
  // Of a version that is published, `npx llem` is both the installation and the first screen.
  const installed = type('npm', 'install', ...packages)
  const { status, stdout } = type(
    'npx',
    '--no-install',
    'llem',
    'exec',
    '--simulate',
    '--json',
    '--',
    'sleep',
    '1',
  )
  const [tookS, cpuS] = [(performance.now() - startMs) / 1000, childrenCpuS() - startCpuS]
  expect(installed.status).toBe(0)
  expect(status).toBe(0)
  expect(JSON.parse(stdout).energy.total_j).toBeGreaterThan(0)
  console.log(`From nothing to the first number: ${tookS.toFixed(1)} s, ${cpuS.toFixed(1)} s of CPU`)
  expect(isBusy ? cpuS : tookS).toBeLessThan(isNight ? MOST_S : 2 * MOST_S)
})

it('is said on the first screen, in the words that npx needs', async (context) => {
  if (!hasTmux) context.skip('tmux is not installed')
  const terminal = await onTerminal(100, [], { npm_lifecycle_event: 'npx' })
  expect(await terminal.ended()).toBe(0)
  const shown = (await terminal.lines()).join('\n')
  expect(shown).toContain(`two commands (${MOST_S} s for both with nothing in the cache of npm)`)
  expect(shown).toContain('npx llem exec --simulate -- sleep 1')
})

/** User and system time of the processes that were waited for (proc_pid_stat(5): cutime, cstime, in 1/100 s). */
function childrenCpuS(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[13]) + Number(fields[14])) / 100
}
