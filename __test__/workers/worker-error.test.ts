import { expect, it } from 'vitest'
import { StderrTail } from '../../dist/workers/stderr-tail.js'
import { WorkerError } from '../../dist/workers/worker-error.js'

function died(stderr: string): string {
  const tail = new StderrTail()
  tail.push(Buffer.from(stderr))
  return new WorkerError('the worker exited with code 1', { code: 'WORKER_DIED', stderr: tail }).message
}

it('a worker that ended because the system refused it something is told by that', () => {
  const cause = "EMFILE: too many open files, open '/x/errors.js'"
  expect(died(`node:internal/fs:637\n\nError: ${cause}\n    at async open\n`)).toBe(
    `the worker exited with code 1: ${cause}`,
  )
})

it('one that ended by a fault of its own is not', () => {
  expect(died('TypeError: x is no function\n')).toBe('the worker exited with code 1')
})
