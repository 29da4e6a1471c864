/** Longer than this nobody waits for an answer. */
const LONGEST_WAIT_MS = 24 * 3600 * 1000

/** A header of an answer as undici's handlers get them: names and values in turn. Null where it is not there. */
export function headerOf(raw: readonly Buffer[], name: string): string | null {
  for (let at = 0; at + 1 < raw.length; at += 2)
    if (String(raw[at]).toLowerCase() === name) return String(raw[at + 1])
  return null
}

/** How long a server asks to wait, in milliseconds: seconds, or a date; null where it does not. `read`: a header by its name. */
export function retryAfterMs(read: (name: string) => string | null): number | null {
  const inMs = Number(read('retry-after-ms') ?? Number.NaN)
  const told = read('retry-after')?.trim() ?? ''
  const ms = Number.isFinite(inMs)
    ? inMs
    : /^\d+(?:\.\d+)?$/.test(told)
      ? Number(told) * 1000
      : Date.parse(told) - Date.now()
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LONGEST_WAIT_MS) : null
}

/** A server that puts off with "at once" is asked ever more rarely, up to ten times a second. */
const LEAST_WAIT_MS = 100

/** How long is waited after so many attempts, milliseconds, where the server asks for `askedMs`. */
export function waitAfter(attempts: number, askedMs: number): number {
  return Math.ceil(Math.max(askedMs, Math.min(2 ** (attempts - 1), LEAST_WAIT_MS)))
}

export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

export function isGood(status: number): boolean {
  return status >= 200 && status < 300
}
