import { readdirSync, readFileSync } from 'node:fs'

/** A process, told apart from a later one with the same id by when it started (in clock ticks since boot). */
export interface ProcessId {
  pid: number
  startTicks: string
}

/** A process and all that descend from it, as far as they are alive and still have their parents. */
export function processTree(root: number): ProcessId[] {
  const children = new Map<number, ProcessId[]>()
  const found: ProcessId[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const stat = statOf(Number(entry))
    if (stat === null) continue
    const { ppid, ...process } = stat
    if (process.pid === root) found.push(process)
    children.set(ppid, [...(children.get(ppid) ?? []), process])
  }
  for (const { pid } of found) found.push(...(children.get(pid) ?? []))
  return found
}

/** Whether it runs still: not ended, and not another one under its number. */
export function isAlive({ pid, startTicks }: ProcessId): boolean {
  return statOf(pid)?.startTicks === startTicks
}

/**
 * Resident memory of processes in bytes, null where none can be read. Pages that they share count once for each.
 */
export function residentBytes(processes: readonly Pick<ProcessId, 'pid'>[]): number | null {
  const sizes = processes.flatMap(({ pid }) => {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1]
    return kilobytes === undefined ? [] : [Number(kilobytes) * 1024]
  })
  return sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size, 0)
}

/** proc_pid_stat(5): the name in parentheses may hold anything, the fields after the last one do not. */
function statOf(pid: number): (ProcessId & { ppid: number }) | null {
  const text = read(`/proc/${pid}/stat`)
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined) return null
  const [state, ppid] = fields
  const startTicks = fields[19]
  if (state === 'Z' || state === 'X' || ppid === undefined || startTicks === undefined) return null
  return { pid, ppid: Number(ppid), startTicks }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null // It ended meanwhile.
  }
}
