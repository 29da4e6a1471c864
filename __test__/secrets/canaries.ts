// Secrets that were planted, and the search for them in all that llem leaves behind.

import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { processTree } from '../../dist/workers/process-tree.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { type Ended, startLlem } from '../native/llem.js'

/** Text that nothing else holds, of as many characters as a real key. */
export function canary(prefix = ''): string {
  return `${prefix}${randomBytes(15).toString('hex')}A1`
}

/** One with what URLs, JSON and shells write in another way. */
export function awkwardCanary(): string {
  return `c"${randomBytes(9).toString('hex')}/+&%=\\é${randomBytes(6).toString('hex')}`
}

/** How a canary may be written. Deliberately not by the code under test. */
function formsOf(text: string): Buffer[] {
  const base64 = [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before, 'x'), Buffer.from(text), Buffer.alloc(3, 'x')])
    // Without the groups of four at both ends, which hold neighbours too.
    return bytes.toString('base64').slice(4, -8)
  })
  const json = JSON.stringify(text).slice(1, -1)
  return [text, json, encodeURIComponent(text), ...base64].map((form) => Buffer.from(form))
}

/** Which canaries these bytes hold, and around where. */
export function canariesIn(bytes: Buffer, canaries: Readonly<Record<string, string>>): string[] {
  return Object.entries(canaries).flatMap(([name, text]) =>
    formsOf(text).flatMap((form) => {
      const at = bytes.indexOf(form)
      return at < 0 ? [] : [`${name} in ${bytes.subarray(Math.max(0, at - 60), at + 60).toString('latin1')}`]
    }),
  )
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

/** Where the canaries are below a folder: in names and in every byte of every file. */
export function canariesBelow(root: string, canaries: Readonly<Record<string, string>>): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name)
    const content = entry.isFile() ? readFileSync(path) : Buffer.alloc(0)
    return [...canariesIn(Buffer.from(path), canaries), ...canariesIn(content, canaries)].map(
      (found) => `${path}: ${found}`,
    )
  })
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
