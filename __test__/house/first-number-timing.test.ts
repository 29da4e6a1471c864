// From nothing to a number: the packed llem by npx, with nothing in the cache of npm. Alone, because it is held against a clock.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { hostPlatform } from '../../scripts/platform.mjs'
import { hasTmux, onTerminal } from '../cli/tmux.js'
import { tarball } from './packed.js'

const scratch = mkdtempSync(join(tmpdir(), 'llem-first-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** What the first screen promises. */
const MOST_S = 20

it('is two commands and 20 s by npx with an empty cache', { timeout: 180_000 }, () => {
  const packages = ['llem', `llem-${hostPlatform()}`].flatMap((name) => ['-p', tarball(name)])
  const userconfig = execFileSync('npm', ['config', 'get', 'userconfig', '--loglevel=error'], { encoding: 'utf8' })
  const env = {
    ...process.env,
    HOME: scratch,
    NO_COLOR: '1',
    npm_config_cache: join(scratch, 'cache'),
    npm_config_userconfig: userconfig.trim(),
    npm_config_update_notifier: 'false',
  }
  const npx = (...args: string[]) =>
    spawnSync('npx', ['-y', ...packages, 'llem', ...args], { cwd: scratch, env, encoding: 'utf8' })
  const startMs = performance.now()
  const first = npx('--help')
  const second = npx('exec', '--simulate', '--json', '--', 'sleep', '1')
  const tookS = (performance.now() - startMs) / 1000
  expect(first).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage: llem') })
  expect(second.status).toBe(0)
  const { energy } = JSON.parse(second.stdout)
  expect(energy.total_j).toBeGreaterThan(0)
  console.log(`From nothing to the first number: ${tookS.toFixed(1)} s`)
  expect(tookS).toBeLessThan(MOST_S)
})

it('is said on the first screen, in the words that npx needs', async (context) => {
  if (!hasTmux) context.skip('tmux is not installed')
  const terminal = await onTerminal(100, [], { npm_lifecycle_event: 'npx' })
  expect(await terminal.ended()).toBe(0)
  const shown = (await terminal.lines()).join('\n')
  expect(shown).toContain(`two commands (${MOST_S} s for both with nothing in the cache of npm)`)
  expect(shown).toContain('npx llem exec --simulate -- sleep 1')
})
