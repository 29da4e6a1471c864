// Secrets that were planted, and a run of llem that is searched for them.

import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { processTree } from '../../dist/workers/process-tree.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { type Ended, startLlem } from '../native/llem.js'
import { canariesBelow, canariesIn } from './search.js'

/** Text that nothing else holds, of as many characters as a real key. */
export function canary(prefix = ''): string {
  return `${prefix}${randomBytes(15).toString('hex')}A1`
}

/** One with what URLs, JSON and shells write in another way. */
export function awkwardCanary(): string {
  return `c"${randomBytes(9).toString('hex')}/+&%=\\é${randomBytes(6).toString('hex')}`
}

export interface Place {
  /** Folders of its own for results, data, cache, temporary files and home: everything that llem writes to. */
  root: string
  results: string
  /** What a person has written, which is not searched. */
  written: string
  env: NodeJS.ProcessEnv
}

export function newPlace(secrets: NodeJS.ProcessEnv): Place {
  const root = scratchFolder()
  const folder = (name: string) => {
    mkdirSync(join(root, name))
    return join(root, name)
  }
  return {
    root,
    results: folder('results'),
    written: scratchFolder(),
    env: {
      XDG_DATA_HOME: folder('data'),
      XDG_CACHE_HOME: folder('cache'),
      TMPDIR: folder('tmp'),
      HOME: folder('home'),
      ...secrets,
    },
  }
}

export interface Watched extends Ended {
  /** The command lines that were seen, of llem and of all that it started. */
  commandLines: Set<string>
}

/** Runs llem and looks at the command lines of it and its descendants meanwhile. */
export async function watched(
  args: readonly string[],
  { env, written: cwd }: Place,
  meanwhile: (child: ChildProcess, says: (text: string) => Promise<void>) => Promise<void> = async () =>
    undefined,
): Promise<Watched> {
  const { child, ended } = startLlem(args, { env, cwd })
  const commandLines = new Set<string>()
  const look = () => {
    for (const { pid } of processTree(child.pid ?? 0))
      try {
        commandLines.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))
      } catch {
        // It ended meanwhile.
      }
  }
  const timer = setInterval(look, 25)
  let stderr = ''
  child.stderr?.on('data', (text: string) => {
    stderr += text
  })
  const says = async (text: string) => {
    while (!stderr.includes(text)) {
      if (child.exitCode !== null) throw new Error(`llem did not say ${text}, but ${stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  await meanwhile(child, says).catch((error: unknown) => {
    child.kill('SIGTERM')
    throw error
  })
  const end = await ended
  clearInterval(timer)
  return { ...end, commandLines }
}

/** Everything that one run of llem has shown, written and started. */
export function leaks(
  { stdout, stderr, commandLines }: Watched,
  { root }: Place,
  canaries: Readonly<Record<string, string>>,
): string[] {
  // What a person has typed is in llem's own command line, and a server's options are in the server's.
  const children = [...commandLines].filter((line) => !/bin\/llem\.js|telltale-server\.mjs/.test(line))
  return [
    ...canariesIn(Buffer.from(stdout), canaries).map((found) => `stdout: ${found}`),
    ...canariesIn(Buffer.from(stderr), canaries).map((found) => `stderr: ${found}`),
    ...children
      .flatMap((line) => canariesIn(Buffer.from(line), canaries))
      .map((found) => `cmdline: ${found}`),
    ...canariesBelow(root, canaries),
  ]
}
