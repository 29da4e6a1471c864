// shim.c as the tests use it: which calls can go wrong, how, and how each is told.

import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scratchFolder } from '../native/scenario.js'

export const CALLS = ['open', 'read', 'write', 'fsync', 'rename', 'mkdir', 'unlink', 'flock'] as const
export const KINDS = ['EIO', 'ENOSPC', 'EROFS', 'EMFILE', 'EINTR', 'short', 'kill'] as const
export type Kind = (typeof KINDS)[number]

/** A call, its number, what becomes of it, and in which process: a part of its command line, or '' for all. */
export type Fault = [call: (typeof CALLS)[number], number: number, kind: Kind, of: string]

const shim = join(scratchFolder(), 'shim.so')

/** To be called once, before any test. */
export function buildShim(): void {
  const source = fileURLToPath(new URL('shim.c', import.meta.url))
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, source, '-ldl'])
}

/** What makes calls below a folder go wrong; `what` is the number of an error, or what the shim knows by name. */
export function wrong(folder: string, [call, number, what, of]: [string, number, string | number, string]) {
  return {
    LD_PRELOAD: shim,
    FAULT_DIR: folder,
    FAULT_IN: of,
    FAULT: `${call}:${number}:${what}`,
  }
}

export function faulty(folder: string, [call, number, kind, of]: Fault): NodeJS.ProcessEnv {
  return wrong(folder, [call, number, kind.startsWith('E') ? errno(kind) : kind, of])
}

export function errno(kind: string): number {
  return constants.errno[kind as 'EIO']
}

/** As Node, Rust or a person would say it; null for what needs no words. */
export function causeOf(kind: Kind): RegExp | null {
  const words: Partial<Record<Kind, string>> = {
    EIO: 'Input/output error|i/o error',
    ENOSPC: 'No space left|no space left|disk is full',
    EROFS: 'Read-only file system|read-only file system',
    EMFILE: 'Too many open files|too many open files',
  }
  return words[kind] === undefined ? null : new RegExp(`${kind}|${words[kind]}`)
}

/** Every call that a command makes without a fault in some process, with everything that can become of it. */
export async function everyFault(
  folder: string,
  of: string,
  run: (env: NodeJS.ProcessEnv) => Promise<unknown>,
): Promise<Fault[]> {
  const log = join(scratchFolder(), 'calls.log')
  await run({ ...wrong(folder, ['none', 0, 0, of]), FAULT_LOG: log })
  const made = readFileSync(log, 'utf8').split('\n')
  rmSync(log)
  return CALLS.flatMap((call) => {
    const count = made.filter((each) => each === call).length
    const kinds = KINDS.filter((kind) => kind !== 'short' || call === 'write' || call === 'read')
    return Array.from({ length: count }, (_, index) => index + 1).flatMap((number) =>
      kinds.map((kind): Fault => [call, number, kind, of]),
    )
  })
}
