// `llem` alone, on a real terminal and elsewhere.

import { beforeEach, describe, expect, it, vi } from 'vitest'
import { llem } from '../native/llem.js'
import { HOME } from './experiment.js'
import { hasTmux, onTerminal } from './tmux.js'

vi.setConfig({ testTimeout: 60_000 })

describe('llem alone', () => {
  beforeEach((context) => {
    if (!hasTmux) context.skip('tmux is not installed')
  })

  it.for([60, 100])(
    'on a terminal of %i columns shows the way to a first number on this machine',
    async (width) => {
      const terminal = await onTerminal(width, [], HOME)
      expect(await terminal.ended()).toBe(0)
      const shown = (await terminal.lines()).join('\n')
      // The tests have no driver.
      expect(shown).toMatch(/GPUs {6}none: /)
      expect(shown).toContain('llem exec --simulate -- sleep 1')
      expect(shown).toContain('All commands: llem --help')
    },
  )

  it('elsewhere shows its help, and fails', async () => {
    const { code, stdout, stderr } = await llem([])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Usage: llem [options] [command]')
  })
})
