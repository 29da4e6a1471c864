import { isIPv6 } from 'node:net'

/** A host and a port to listen at. */
export interface Address {
  host: string
  port: number
}

/** "9911", "127.0.0.1:9911", "[::1]:9911"; ":9911" is every interface. Null is none of these. */
export function addressOf(text: string): Address | null {
  const [, brackets, plain, digits] = /^(?:(?:\[([^\]]*)\]|([^:]*)):)?(\d{1,5})$/.exec(text.trim()) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) return null
  if (brackets !== undefined) return isIPv6(brackets) ? { host: brackets, port } : null
  if (plain === '') return { host: '::', port }
  return { host: plain ?? '127.0.0.1', port }
}
