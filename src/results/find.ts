import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'

/** The folders of results below some folders, and what could not be looked into. */
export interface FoundResults {
  /** Folders with a result.json, each once, sorted. */
  dirs: string[]
  /** Folders with an incomplete.json and no result. */
  incomplete: string[]
  problems: LlemError[]
}

/**
 * Looks through folders, theirs and so on, for result.json. The path of a result.json stands for its folder. Links to
 * folders are not followed, so that none is met twice.
 */
export function findResults(paths: readonly string[]): FoundResults {
  const found = { dirs: new Set<string>(), incomplete: new Set<string>(), problems: [] as LlemError[] }
  for (const path of paths) look(basename(path) === 'result.json' ? dirname(path) : path, found)
  return { dirs: [...found.dirs].sort(), incomplete: [...found.incomplete].sort(), problems: found.problems }
}

function look(
  dir: string,
  found: { dirs: Set<string>; incomplete: Set<string>; problems: LlemError[] },
): void {
  let entries: Dirent[]
  try {
    entries = readdirSync(dir, { withFileTypes: true })
  } catch (cause) {
    found.problems.push(
      new LlemError(
        existsSync(dir) ? `${dir} cannot be looked into: ${messageOf(cause)}.` : `There is no folder ${dir}.`,
        {
          code: 'FOLDER_UNREADABLE',
          hint: 'Give folders with results in them or below them, as `llem run -o` has named them.',
          kind: 'usage',
          cause,
        },
      ),
    )
    return
  }
  const names = new Set(entries.map(({ name }) => name))
  if (names.has('result.json')) found.dirs.add(dir)
  else if (names.has('incomplete.json')) found.incomplete.add(dir)
  for (const entry of entries) if (entry.isDirectory()) look(join(dir, entry.name), found)
}

/** The runs right below a folder, the newest first: their names begin with the time. */
export function runsIn(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => ['result.json', 'incomplete.json'].some((file) => existsSync(join(dir, name, file))))
      .sort()
      .reverse()
  } catch {
    return []
  }
}

/** Whether there is a folder at this path. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
