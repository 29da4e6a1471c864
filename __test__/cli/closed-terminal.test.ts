// A terminal that is closed while llem works, as a lost connection or the cross of its window does it.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { scratchFolder } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
const HANG_UP = fileURLToPath(new URL('hang_up.py', import.meta.url))
const RUN = [
  ...['run', '-m', 'm', '--simulate', '-o', scratchFolder(), '--set', 'backend=server'],
  ...['--set', 'server.base_url=http://127.0.0.1:9', '--set', 'baseline.duration_sec=60'],
]

describe('a terminal that is closed', () => {
  it.for([
    ['run', RUN, 130],
    ['monitor', ['monitor', '--simulate'], 0],
    // The exit code of a command that SIGHUP ended.
    ['exec', ['exec', '--simulate', '--', 'sleep', '30'], 129],
  ] as const)('ends llem %s, never by SIGABRT', async ([, args, exit]) => {
    const { stdout } = await promisify(execFile)('python3', [HANG_UP, '4', process.execPath, BIN, ...args])
    expect(JSON.parse(stdout)).toEqual({ signal: null, exit })
  })
})
