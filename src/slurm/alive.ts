// Whether a run that nobody can be asked about is still done: files in its folder, whose times of change are all by the one clock
// of their file system.

import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** In a run's folder: its time of change, by the file system's own clock, is when something was heard last. */
export const HEARD_FILE = 'heard'
/** The same, written anew again and again by the task that does it, whether or not the run says something. */
const ALIVE_FILE = 'alive'
const WRITTEN_EVERY_MS = 10_000
/** A task of which nothing was seen for so long is gone, or its node hangs. */
const GONE_S = 30

/** Shows that this process does the run of a folder, until the function is called that it returns. */
export function showAlive(folder: string): () => void {
  touch(join(folder, ALIVE_FILE))
  const timer = setInterval(() => touch(join(folder, ALIVE_FILE)), WRITTEN_EVERY_MS)
  return () => {
    clearInterval(timer)
    rmSync(join(folder, ALIVE_FILE), { force: true })
  }
}

/** Whether the run of a folder showed a moment ago that it is being done. */
export function showsLife(folder: string, nowMs: number): boolean {
  return [ALIVE_FILE, HEARD_FILE].some((name) => {
    const seconds = secondsSince(join(folder, name), nowMs)
    return seconds !== null && seconds < GONE_S
  })
}

/** Seconds since a file was changed; null where there is none. */
export function secondsSince(path: string, nowMs: number): number | null {
  try {
    return Math.max(0, Math.round((nowMs - statSync(path).mtimeMs) / 1000))
  } catch {
    return null
  }
}

/** Writes a file for its time of change alone. */
export function touch(path: string): void {
  try {
    writeFileSync(path, '')
  } catch {
    // A full disk ends the run with a reason of its own.
  }
}

/** The time of the file system's own clock, which is that of the times of files there; else this machine's. */
export function nowBy(folder: string): number {
  const path = join(folder, `.now-${process.pid}`)
  try {
    writeFileSync(path, '')
    return statSync(path).mtimeMs
  } catch {
    return Date.now()
  } finally {
    rmSync(path, { force: true })
  }
}
