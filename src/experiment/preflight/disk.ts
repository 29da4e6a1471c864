import { existsSync, mkdtempSync, rmdirSync, statfsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { LlemError, messageOf } from '../../core/errors.js'
import { adviceOn } from '../../core/system-fault.js'
import { refuseDangling } from '../../results/files.js'

const MIB = 1024 ** 2
/** Two hours at 10 ms of a GPU, and a result: with less a run is lost to a full disk sooner or later. */
const LEAST_BYTES = 16 * MIB

/**
 * The room where results go, in bytes; null where the file system does not tell. Leaves nothing behind. Throws OUTPUT_NOT_WRITABLE
 * and DISK_FULL.
 */
export function checkDisk(outputDir: string, leastBytes: number = LEAST_BYTES): number | null {
  let folder = resolve(outputDir)
  try {
    folder = nearest(folder)
    tryFolderIn(folder)
  } catch (cause) {
    // A disk that is full is told below, with its room.
    if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC')
      throw new LlemError(`Results cannot be written to ${outputDir}: ${messageOf(cause)}.`, {
        code: 'OUTPUT_NOT_WRITABLE',
        hint: `${cause instanceof LlemError ? cause.hint : adviceOn(cause)} Or choose another folder with -o.`,
        kind: 'usage',
        cause,
      })
  }
  const { bavail, bsize, blocks } = statfsSync(folder)
  // Some file systems that live elsewhere count nothing.
  if (blocks === 0) return null
  const free = bavail * bsize
  if (free >= leastBytes) return free
  throw new LlemError(
    `the disk of ${outputDir} has ${Math.floor(free / MIB)} MiB left, and an experiment may write ${Math.ceil(leastBytes / MIB)} MiB`,
    { code: 'DISK_FULL', hint: 'Make room, or choose another folder with -o.' },
  )
}

/** Rights alone do not tell: root has them all, and /proc, a share or a quota still refuses. */
function tryFolderIn(folder: string): void {
  rmdirSync(mkdtempSync(join(folder, '.llem-writable-')))
}

/** The folder itself, or the one above it that is there. */
function nearest(path: string): string {
  const above = dirname(path)
  refuseDangling(path)
  return existsSync(path) || above === path ? path : nearest(above)
}
