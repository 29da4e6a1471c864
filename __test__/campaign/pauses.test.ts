import { describe, expect, it } from 'vitest'
import { breaker } from '../../dist/campaign/pauses.js'

const failure = (message: string, code = 'WORKER_DIED') => ({ code, message })

describe('a campaign', () => {
  it('goes on after failures that differ', () => {
    const stop = breaker(2)
    expect(stop.failed(failure('one'))).toBeNull()
    expect(stop.failed(failure('another'))).toBeNull()
    expect(stop.failed(failure('one', 'OUT_OF_MEMORY'))).toBeNull()
  })

  it('pauses after as many equal ones in a row as it may have, whatever their numbers and paths', () => {
    const stop = breaker(3)
    expect(stop.failed(failure('the worker 12 died in /a/b'))).toBeNull()
    expect(stop.failed(failure('the worker 13 died in /a/c'))).toBeNull()
    expect(stop.failed(failure('the worker 14 died in /a/d'))).toBe(
      '3 runs in a row failed: the worker 14 died in /a/d [WORKER_DIED]',
    )
  })

  it('begins to count anew after a run that went well', () => {
    const stop = breaker(2)
    stop.failed(failure('one'))
    stop.completed(null)
    expect(stop.failed(failure('one'))).toBeNull()
  })

  it.for([
    ['ENOSPC: no space left on device', 'the disk is full'],
    ['spawn ENOMEM', 'the machine is out of memory'],
    ['GPU is lost', 'a GPU is lost'],
  ] as const)('pauses at once after %s', ([message, why]) => {
    expect(breaker(100).failed(failure(message))).toBe(why)
  })
})
