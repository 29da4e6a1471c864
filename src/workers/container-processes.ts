import { readdirSync, readFileSync } from 'node:fs'

/**
 * Whether a process of this machine runs in a container: the kernel names the container's id in its control group
 * (cgroups(7)), which everybody may read. False where that cannot be told.
 */
export function isInContainer(pid: number, containerId: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(containerId)
  } catch {
    return false // It ended meanwhile.
  }
}

/** Every process of a container, by its number on this machine. */
export function containerPids(containerId: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isInContainer(pid, containerId))
}
