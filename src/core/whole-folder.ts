import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { LlemError, messageOf } from './errors.js'

const TEMP_PREFIX = '.tmp-'

/**
 * Makes a folder beside its place and renames it, so that it is whole or absent and two makers at once are safe. What
 * is in its place and not whole is replaced. Answers false where another maker was faster. Throws what `make` throws,
 * and BACKEND_INSTALL_FAILED where it cannot be moved.
 */
export async function makeWholeFolder(
  path: string,
  { isWhole, make }: { isWhole: (path: string) => boolean; make: (temp: string) => Promise<void> },
): Promise<boolean> {
  const parent = dirname(path)
  await mkdir(parent, { recursive: true })
  await removeStale(parent)
  const temp = await mkdtemp(join(parent, `${TEMP_PREFIX}${process.pid}-`))
  try {
    await make(temp)
    // What is there and broken makes room; it is removed with the temporary folder.
    if (existsSync(path) && !isWhole(path)) await rename(path, join(temp, 'replaced')).catch(() => {})
    try {
      await rename(temp, path)
    } catch (error) {
      if (isWhole(path)) return false
      throw new LlemError(`the installation could not be moved to ${path} (${messageOf(error)})`, {
        code: 'BACKEND_INSTALL_FAILED',
        hint: 'Look at the permissions of the data folder.',
        cause: error,
      })
    }
    await rm(join(path, 'replaced'), { recursive: true, force: true })
    return true
  } finally {
    await rm(temp, { recursive: true, force: true })
  }
}

/** Removes what a maker left that was killed; its process id is in the folder's name. */
async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(TEMP_PREFIX)
      ? Number.parseInt(name.slice(TEMP_PREFIX.length), 10)
      : Number.NaN
    if (Number.isInteger(pid) && !isAlive(pid)) await rm(join(folder, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
