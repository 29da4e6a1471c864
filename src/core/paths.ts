import { homedir } from 'node:os'
import { join } from 'node:path'

/** llem's own data folder: `$XDG_DATA_HOME/llem`, by default `~/.local/share/llem`. */
export function dataDir(): string {
  return join(process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'llem')
}

/** What may be deleted at any time: `$XDG_CACHE_HOME/llem`, by default `~/.cache/llem`. */
export function cacheDir(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'llem')
}
