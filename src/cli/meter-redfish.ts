// llem meter redfish: the power of a machine by its BMC, as lines of the protocol of external meters, until it is ended.

import { fstatSync, readFileSync } from 'node:fs'
import { LlemError, messageOf } from '../core/errors.js'
import { mayCarryKey } from '../core/key-policy.js'
import { learnSecret } from '../core/secrets.js'
import { RedfishClient, type RedfishLogin } from '../energy/redfish/client.js'
import { pollPower } from '../energy/redfish/poll.js'
import { say } from './screen.js'

interface RedfishOptions {
  url: string
  chassis?: string
  /** Seconds. */
  interval: number
  timeout: number
  ca?: string
  insecure?: boolean
  session: boolean
  verbose?: boolean
}

/** Throws REDFISH_INVALID, REDFISH_REFUSED, REDFISH_UNREACHABLE and REDFISH_NO_POWER. */
export async function meterRedfish(options: RedfishOptions): Promise<void> {
  const ending = new AbortController()
  const end = () => ending.abort()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  // Who reads the lines may be gone; the session at the BMC is to be closed all the same.
  process.stdout.removeAllListeners('error')
  process.stdout.on('error', end)
  if (isPipe()) process.stdin.on('end', end).on('error', end).resume()
  const base = baseOf(options.url)
  const login = loginOf(process.env, options.session)
  if (login !== null && !mayCarryKey(base) && options.insecure !== true)
    throw invalid(
      `the login would go to ${base.host} where everybody on the way can read it`,
      'Use https, or add --insecure.',
    )
  const tell = (text: string) => say(`llem meter redfish: ${text}`)
  const client = new RedfishClient({
    tell,
    base,
    login,
    ca: options.ca === undefined ? null : certificate(options.ca),
    isInsecure: options.insecure ?? false,
    timeoutMs: options.timeout * 1000,
  })
  try {
    await pollPower(client, {
      chassis: options.chassis ?? null,
      intervalMs: options.interval * 1000,
      signal: ending.signal,
      print: (line) => process.stdout.write(`${JSON.stringify(line)}\n`),
      tell,
    })
  } catch (error) {
    if (!ending.signal.aborted) throw error
  } finally {
    await client.close()
    process.stdin.destroy()
  }
}

/** A terminal or /dev/null ends when it likes; a pipe belongs to who has started this. */
function isPipe(): boolean {
  try {
    const stat = fstatSync(0)
    return stat.isFIFO() || stat.isSocket()
  } catch {
    return false
  }
}

function baseOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol))
    throw invalid(`--url ${text} is no address`, 'Write it as in https://192.0.2.1.')
  if (url.username !== '' || url.password !== '')
    throw invalid('--url has a login in it, which everybody can read', WHERE)
  // It stands in the command of a result, and in the list of processes.
  if (url.search !== '' || url.hash !== '')
    throw invalid(
      '--url has a query in it, which everybody can read',
      `Write it as in https://192.0.2.1. ${WHERE}`,
    )
  return url
}

const WHERE = 'Set LLEM_REDFISH_USER and LLEM_REDFISH_PASSWORD, or LLEM_REDFISH_TOKEN.'

function loginOf(env: NodeJS.ProcessEnv, hasSession: boolean): RedfishLogin | null {
  const { LLEM_REDFISH_USER: user, LLEM_REDFISH_PASSWORD: password, LLEM_REDFISH_TOKEN: token } = env
  if (token) {
    learnSecret(token)
    return { token }
  }
  if (!user && !password) return null
  if (!user || !password)
    throw invalid(`${user ? 'LLEM_REDFISH_PASSWORD' : 'LLEM_REDFISH_USER'} is not set`, WHERE)
  learnSecret(password)
  learnSecret(Buffer.from(`${user}:${password}`).toString('base64'))
  return { user, password, hasSession }
}

function certificate(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid(`--ca ${path} cannot be read: ${messageOf(error)}`, 'Name a file in PEM.')
  }
}

function invalid(message: string, hint: string): LlemError {
  return new LlemError(message, { code: 'REDFISH_INVALID', hint, kind: 'usage' })
}
