import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/** A node's name, which is part of paths. */
export const NODE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

/**
 * What this machine is called: by Slurm, whose name a machine may have several of, else by itself, without its domain. What
 * is no name is made one.
 */
export function nodeName(env: NodeJS.ProcessEnv = process.env): string {
  const name = env.SLURMD_NODENAME || hostname().split('.', 1)[0] || ''
  const safe = name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63)
  return safe === '' ? 'node' : safe
}

/** Of the kernel, anew at each boot; the same in all containers of a machine. "unknown" where the kernel does not tell. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
