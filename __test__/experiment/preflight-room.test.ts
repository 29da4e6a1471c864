import { readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkDisk } from '../../dist/experiment/preflight/disk.js'
import { scratchFolder } from '../native/scenario.js'

describe('the disk of results', () => {
  it('tells its room, also of a folder that is yet to be made', () => {
    const free = checkDisk(join(scratchFolder(), 'a/b/c'))
    expect(free).toBeGreaterThan(0)
  })

  it('is left as it was', () => {
    const folder = scratchFolder()
    checkDisk(folder)
    expect(readdirSync(folder)).toEqual([])
  })

  it('that refuses a new folder is told, whoever has the right to it', () => {
    expect(() => checkDisk('/proc/x')).toThrow(expect.objectContaining({ code: 'OUTPUT_NOT_WRITABLE' }))
  })

  it('behind a link to nothing is told', () => {
    const link = join(scratchFolder(), 'link')
    symlinkSync('/nowhere/at-all', link)
    expect(() => checkDisk(link)).toThrow(
      expect.objectContaining({ message: expect.stringContaining('is a link to /nowhere/at-all') }),
    )
  })

  it('that has less than an experiment may write is told with both numbers', () => {
    const free = checkDisk(scratchFolder()) ?? 0
    expect(() => checkDisk(scratchFolder(), free * 2)).toThrow(
      expect.objectContaining({
        code: 'DISK_FULL',
        message: expect.stringMatching(/has \d+ MiB left, and an experiment may write \d+ MiB/),
      }),
    )
  })

  it('that cannot be written to is told', () => {
    const file = join(scratchFolder(), 'a-file')
    writeFileSync(file, '')
    expect(() => checkDisk(join(file, 'results'))).toThrow(
      expect.objectContaining({ code: 'OUTPUT_NOT_WRITABLE', kind: 'usage' }),
    )
  })
})
