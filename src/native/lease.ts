// A lock where a file system has none (Lustre without flock, NFS without its lock daemon): a folder that is put in place
// by a rename. A folder does not replace one with something in it, so that of several only one succeeds. Who holds it
// beats; whose beat has stopped, or whose process is gone, has lost it.

import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** A held lock. It goes with the process, however that ends. */
export interface FileLock {
  release(): void
}

const BEAT_MS = 15_000
/** Four beats that did not come; of another machine nothing else can be known. */
const SILENT_MS = 60_000

interface Holder {
  token: string
  host: string
  boot_id: string | null
  pid: number
  /** When its process began, in clock ticks after boot: numbers of processes are used again. */
  began_ticks: string | null
  beat_at: string
}

/** Takes the lease beside a file; null where somebody else holds it. Throws what the file system says. */
export function takeLease(path: string, { beatMs = BEAT_MS, onLost = endCleanly } = {}): FileLock | null {
  const place = `${path}.lease`
  const token = randomBytes(8).toString('hex')
  const own = `${place}.${token}`
  mkdirSync(own)
  beat(own, token, 'wx')
  try {
    while (!putInPlace(own, place)) {
      const holder = holderOf(place)
      if (holder === 'gone') continue
      if (holder !== null && isAlive(holder)) return null
      if (!moveAway(place, `${own}.stale`, holder)) return null
    }
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
  return held(place, token, { beatMs, onLost })
}

function held(
  place: string,
  token: string,
  { beatMs, onLost }: { beatMs: number; onLost: () => void },
): FileLock {
  const timer = setInterval(() => {
    try {
      beat(place, token, 'r+')
    } catch (error) {
      // A disk that is full or away for a moment is no loss; a file that is gone is somebody else's lease.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return
      clearInterval(timer)
      onLost()
    }
  }, beatMs)
  timer.unref()
  return {
    release() {
      clearInterval(timer)
      const away = `${place}.${token}`
      try {
        // First away from its place, in one step: a folder that is empty could be replaced.
        if (readdirSync(place).includes(fileOf(token))) renameSync(place, away)
        rmSync(away, { recursive: true, force: true })
      } catch {
        // Its beat ends with this process.
      }
    },
  }
}

/** Two may not write into one folder. This process was asleep for longer than others wait. */
function endCleanly(): void {
  process.kill(process.pid, 'SIGTERM')
}

function fileOf(token: string): string {
  return `${token}.json`
}

function beat(folder: string, token: string, flag: 'wx' | 'r+'): void {
  const holder: Holder = {
    token,
    host: hostname(),
    boot_id: textOf('/proc/sys/kernel/random/boot_id'),
    pid: process.pid,
    began_ticks: beganTicks(process.pid),
    beat_at: new Date().toISOString(),
  }
  // Always as long, so that it is written over in place; a name of its own, so that nobody else's is.
  writeFileSync(join(folder, fileOf(token)), JSON.stringify(holder), { flag })
}

/** False where somebody's is there. */
function putInPlace(own: string, place: string): boolean {
  try {
    renameSync(own, place)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
    throw error
  }
}

/** Whose lease it is; "gone" where it was given back meanwhile, null where nothing can be read of it. */
function holderOf(place: string): Holder | null | 'gone' {
  try {
    const name = readdirSync(place).find((each) => each.endsWith('.json'))
    return name === undefined ? null : (JSON.parse(readFileSync(join(place, name), 'utf8')) as Holder)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : null
  }
}

function isAlive({ host, boot_id, pid, began_ticks, beat_at }: Holder): boolean {
  if (host === hostname() && boot_id === textOf('/proc/sys/kernel/random/boot_id'))
    return began_ticks !== null && beganTicks(pid) === began_ticks
  return Date.now() - Date.parse(beat_at) < SILENT_MS
}

/** Moves a lease that was lost away. False where it is another one by now, which is put back. */
function moveAway(place: string, aside: string, lost: Holder | null): boolean {
  try {
    renameSync(place, aside)
  } catch (error) {
    // Somebody else was faster; who has it is seen in the next round.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
  const moved = holderOf(aside)
  const isOther = moved !== null && moved !== 'gone' && moved.token !== lost?.token
  if (isOther) putInPlace(aside, place)
  rmSync(aside, { recursive: true, force: true })
  return !isOther
}

function beganTicks(pid: number): string | null {
  // Behind the name in brackets, which may hold anything: state, parent, ... (proc(5), field 22).
  return (
    textOf(`/proc/${pid}/stat`)
      ?.replace(/^.*\) /s, '')
      .split(' ')[19] ?? null
  )
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}
