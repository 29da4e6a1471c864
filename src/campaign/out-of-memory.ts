import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * How many processes the kernel has ended for want of memory since it was started (`oom_kill` in /proc/vmstat, Linux
 * 4.13 and newer, of its own memory cgroups too); null where it does not tell.
 */
export function oomKills(): number | null {
  try {
    const vmstat = readFileSync(join(process.env.LLEM_PROC_ROOT || '/proc', 'vmstat'), 'utf8')
    const count = /^oom_kill (\d+)$/m.exec(vmstat)?.[1]
    return count === undefined ? null : Number(count)
  } catch {
    return null
  }
}

interface Failure {
  code: string
  message: string
}

/**
 * What ended by SIGKILL while the kernel ended processes for want of memory is told as that: no failure says so by itself,
 * and runs that fail for it are alike, wherever in the run it hit them.
 */
export function explained({ code, message }: Failure, killsBefore: number | null): Failure {
  const kills = oomKills()
  const ended = kills !== null && killsBefore !== null && kills > killsBefore && /SIGKILL/.test(message)
  return ended
    ? { code: 'OUT_OF_MEMORY', message: `the machine ran out of memory: ${message}` }
    : { code, message }
}
