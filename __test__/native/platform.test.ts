import { describe, expect, it } from 'vitest'
import { packageFor, thisPlatform, withoutNativePart } from '../../dist/native/platform.js'

describe('the native part', () => {
  it('is in a package where one is made, and nothing suggests one that is not', () => {
    const on = (platform: string, arch: string, hasGlibc = platform === 'linux') => {
      const machine = { platform, arch, hasGlibc }
      return [packageFor(machine), withoutNativePart(machine)]
    }
    expect(on('linux', 'x64')).toEqual([
      'llem-linux-x64-gnu',
      expect.stringContaining('npm install llem-linux-x64-gnu,'),
    ])
    expect(on('linux', 'arm64')[0]).toBe('llem-linux-arm64-gnu')
    expect(on('linux', 'x64', false)[0]).toBe('llem-linux-x64-musl')
    expect(on('linux', 'arm64', false)[0]).toBe('llem-linux-arm64-musl')
    for (const [where, says] of [
      [on('linux', 'riscv64'), 'for x64 and arm64'],
      [on('darwin', 'arm64'), 'on the Linux machine that has the GPU'],
      [on('win32', 'x64'), 'on the Linux machine that has the GPU'],
    ] as const) {
      expect(where[0]).toBeNull()
      expect(where[1]).toContain(says)
      expect(where[1]).toContain('`llem show`, `export`, `report` and `compare` read results here.')
      expect(where[1]).not.toMatch(/llem-\w+-/)
    }
  })

  it('knows this machine', () => {
    expect(packageFor(thisPlatform())).toMatch(/^llem-linux-(x64|arm64)-(gnu|musl)$/)
  })
})
