import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * The processes of this machine that listen on a TCP port, as far as this user may look into them (proc_pid_fd(5)). Empty
 * where there is none, or it cannot be told.
 */
export function listenersOn(port: number): number[] {
  const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => socketsOn(path, port)))
  if (sockets.size === 0) return []
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => namesIn(`/proc/${pid}/fd`).some((fd) => sockets.has(targetOf(`/proc/${pid}/fd/${fd}`))))
}

/** Lines of proc_net_tcp(5): number, local address and port in hexadecimal, remote, state (0A listens), ..., inode. */
function socketsOn(path: string, port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return read(path)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === '0A' && local?.endsWith(wanted) === true)
    .map((fields) => `socket:[${fields[9]}]`)
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return [] // It ended meanwhile, or is another user's.
  }
}

function targetOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
