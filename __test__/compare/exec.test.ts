// Commands that were measured by `llem exec -o`, several times each.

import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'

vi.setConfig({ testTimeout: 120_000 })

describe('two commands', () => {
  it('are compared by their joules, each as the repetitions that lie in one folder', async () => {
    const folder = scratchFolder()
    const env = { XDG_DATA_HOME: join(folder, 'data'), XDG_CACHE_HOME: join(folder, 'cache') }
    const run = (...args: string[]) => llem(args, { cwd: folder, env })
    for (const [name, seconds] of [
      ['short', '0.6'],
      ['long', '4'],
    ] as const)
      for (let cycle = 0; cycle < 3; cycle++)
        expect((await run('exec', '--simulate', '-q', '-o', name, '--', 'sleep', seconds)).code).toBe(0)
    const { code, stdout, stderr } = await run('compare', 'short', 'long')
    expect(stderr).toMatch(/^SIMULATED/)
    expect(stdout).toMatch(/^long uses \d+ % more energy than short \(95 % CI .*, unpaired, n = 3 each\)\.$/m)
    expect(stdout).toMatch(/^duration \(s\) /m)
    expect(code).toBe(3)
    const mixed = await run('compare', 'short', 'long', '--metric', 'energy_per_output_token_j')
    expect([mixed.code, mixed.stderr]).toEqual([2, expect.stringContaining('[COMPARE_REFUSED]')])
  })
})
