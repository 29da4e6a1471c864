// Where a key may go. The rules are few, because a key that has gone somewhere cannot be taken back.

/** The variable that is used without being named, and the only host that it is for. */
export const DEFAULT_KEY = { variable: 'OPENAI_API_KEY', host: 'api.openai.com' } as const

/** Whether nobody on the way can read a key that goes there: it is encrypted, stays here, or the person has named the host. */
export function mayCarryKey(address: string | URL, hosts: readonly string[] = []): boolean {
  const { protocol, hostname } = new URL(address)
  return protocol === 'https:' || isLoopback(hostname) || hosts.some((host) => isSameHost(host, hostname))
}

/** Whether the default key is meant for this address. */
export function isDefaultKeyFor(address: string): boolean {
  return new URL(address).hostname === DEFAULT_KEY.host
}

/** As it is written in `api_key_hosts`. */
export function hostOf(address: string): string {
  return new URL(address).hostname
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

function isSameHost(written: string, hostname: string): boolean {
  return written.toLowerCase().replace(/^\[|\]$/g, '') === hostname.replace(/^\[|\]$/g, '')
}
