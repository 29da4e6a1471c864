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

  it('pauses when energy can no longer be read that was read before, and counts those runs', () => {
    const stop = breaker(2)
    const unread = { energy_j: null, energy_problem: 'no reading: driver error 999' }
    expect(stop.completed({ energy_j: 12, energy_problem: null })).toBeNull()
    expect(stop.completed(unread)).toBeNull()
    expect(stop.completed(unread)).toBe(
      '2 runs in a row have no energy, which earlier ones have: no reading: driver error 999',
    )
  })

  it('pauses after the first run that lost its GPU although it was completed', () => {
    const stop = breaker(100, { hadEnergy: true })
    const lost = { energy_j: null, energy_problem: 'too little is known of the power: GPU is lost' }
    expect(stop.completed(lost)).toBe('a GPU is lost, so the last run has no energy')
  })

  it('goes on where energy never was to be had, and where runs are just too short for one', () => {
    const never = breaker(2)
    for (let run = 0; run < 5; run++)
      expect(never.completed({ energy_j: null, energy_problem: 'there is no GPU' })).toBeNull()
    const short = breaker(2, { hadEnergy: true })
    for (let run = 0; run < 5; run++)
      expect(short.completed({ energy_j: null, energy_problem: null })).toBeNull()
  })

  it('begins to count anew after a run with energy', () => {
    const stop = breaker(2, { hadEnergy: true })
    const unread = { energy_j: null, energy_problem: 'driver error 999' }
    expect(stop.completed(unread)).toBeNull()
    expect(stop.completed({ energy_j: 3, energy_problem: null })).toBeNull()
    expect(stop.completed(unread)).toBeNull()
  })
})
