// Whether the model is in the memory of this machine before llem has begun: a server that llem has not started holds it,
// and no level that is measured then is the bare one.

import { lookup } from 'node:dns/promises'
import { hostname, networkInterfaces } from 'node:os'
import { type ExperimentConfig, isServerBackend } from '../config/schema.js'
import { isAttached } from './identity.js'

/** A server elsewhere leaves the GPUs of this machine as they are. */
export async function runsHereAlready(config: ExperimentConfig): Promise<boolean> {
  const { backend } = config
  if (!isServerBackend(backend) || !isAttached(config)) return false
  const host = new URL(String(config[backend].base_url)).hostname.replace(/^\[|\]$/g, '')
  if (host === 'localhost' || host === hostname()) return true
  const addresses = await lookup(host, { all: true }).catch(() => [])
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((each = []) => each.map((one) => one.address)),
  )
  return addresses.some(({ address }) => own.has(address) || /^(?:127\.|::1$|0\.0\.0\.0$|::$)/.test(address))
}
