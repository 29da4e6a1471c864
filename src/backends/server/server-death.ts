import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError } from '../../core/errors.js'
import type { ServerProcess } from './server-process.js'

/** From a broken connection to the end of the process that held it, with its last words. */
const DYING_MS = 1000
const FAILED_BY_ITS_END = ['REQUESTS_FAILED', 'SERVER_UNREACHABLE']

/** Rejects when the server that was started ends by itself. */
export function serverDeath(own: ServerProcess | null): Promise<never> {
  return new Promise((_, reject) => {
    void own?.ended.then(() => reject(died(own)))
  })
}

/** A server that dies breaks its connections first: its end says more than what failed with it. */
export async function trueCause(error: unknown, own: ServerProcess | null): Promise<unknown> {
  if (!(error instanceof LlemError) || !FAILED_BY_ITS_END.includes(error.code) || own === null) return error
  return Promise.race([serverDeath(own).catch((death: unknown) => death), sleep(DYING_MS, error)])
}

export function died(own: ServerProcess): LlemError {
  return new LlemError(`${own.title} ${own.how} while it was needed`, {
    code: 'SERVER_DIED',
    hint: own.lastWords,
  })
}
