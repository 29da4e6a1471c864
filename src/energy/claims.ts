// One llem at a time puts a load on a GPU: of two windows over one GPU each would hold the joules of both loads. The claim is
// a lock of the kernel that goes with the process, in a folder that all users of the machine share.

import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../core/errors.js'
import type { Meanings } from '../core/meanings.js'
import type { Claim, Device } from '../native/addon.js'
import { takeClaim } from '../native/lock.js'
import { scenarioText } from '../native/simulation.js'
import { type Finding, warning } from '../results/findings.js'

/** Not TMPDIR: everybody has to find the same one. */
const FOLDER = '/tmp/llem-claims'
const TRIED_EVERY_MS = 200
const TOLD_EVERY_MS = 60_000
/** What this process holds, by name: it never waits for itself. */
const held = new Map<string, number>()

export interface ClaimWishes {
  simulated: boolean
  signal?: AbortSignal | undefined
  /** Called again and again while others hold one of the GPUs. */
  onWait?: (text: string) => void
}

export interface GpuClaims {
  /** What a reader of the joules of the GPUs should know by now. */
  findings(): Finding[]
  release(): void
}

/** An `onWait` that says at once what is waited for, and then every minute for how long. */
export function waitTeller(say: (text: string) => void): (what: string) => void {
  const startMs = performance.now()
  let told = 0
  return (what) => {
    const waitedMs = performance.now() - startMs
    if (waitedMs < told * TOLD_EVERY_MS) return
    const since = told === 0 ? '' : ` for ${Math.round(waitedMs / 60_000)} min`
    say(`Waiting${since} for ${what}`)
    told += 1
  }
}

type Target = Pick<Device, 'index' | 'uuid'>

/**
 * Claims the GPUs for a load, all of them or none, and waits until they can be had. With LLEM_SHARE_GPUS=1 (--share), and below
 * another llem that has claimed them (`llem exec -- llem run`), it goes on at once. Where there can be no lock, it goes without.
 * Rejects when aborted.
 */
export async function claimGpus(devices: readonly Target[], wishes: ClaimWishes): Promise<GpuClaims> {
  const folder = process.env.LLEM_CLAIMS_DIR ?? FOLDER
  if (folder === '') return heldClaims([], [])
  const named = devices.map((device) => ({ device, name: nameOf(device, wishes.simulated) }))
  const inherited = inheritedNames()
  const wanted = named.filter(({ name }) => !held.has(name))
  for (;;) {
    wishes.signal?.throwIfAborted()
    const taken: Taken[] = []
    const unclaimed: Unclaimed[] = []
    let missing: (typeof wanted)[number] | undefined
    for (const each of wanted) {
      const { name } = each
      const shares = process.env.LLEM_SHARE_GPUS === '1' || inherited.has(name)
      const claim = await takeClaim(folder, name, shares).catch((error: unknown) => {
        unclaimed.push({ index: each.device.index, why: messageOf(error) })
        return undefined
      })
      if (claim === null) {
        missing = each
        break
      }
      if (claim !== undefined)
        taken.push({ ...each, claim, isBelow: inherited.has(name), by: holderOf(folder, name) })
    }
    if (missing === undefined) return heldClaims(taken, unclaimed)
    // All or none: of two that want the same GPUs in different orders, each would wait for the other.
    for (const { claim } of taken) claim.release()
    wishes.onWait?.(
      `GPU ${missing.device.index}, on which another llem${holderOf(folder, missing.name)} measures a load (--share goes on beside it)`,
    )
    await sleep(TRIED_EVERY_MS, undefined, wishes.signal === undefined ? {} : { signal: wishes.signal })
  }
}

interface Taken {
  device: Target
  name: string
  claim: Claim
  /** It was this process's parent, or its parent, that had claimed the GPU. */
  isBelow: boolean
  /** " (pid 4711, node)" of whoever held it first; empty where nobody can be named. */
  by: string
}

/** A GPU that could not be claimed. */
interface Unclaimed {
  index: number
  why: string
}

function heldClaims(taken: readonly Taken[], unclaimed: readonly Unclaimed[]): GpuClaims {
  for (const { name } of taken) held.set(name, (held.get(name) ?? 0) + 1)
  tellChildren()
  let isHeld = true
  return {
    findings: () => [
      ...unclaimed.map(({ index, why }) => ({
        code: 'gpu_not_claimed',
        severity: 'info' as const,
        text: `GPU ${index} could not be claimed, so that another llem may have had a load on it: ${why}`,
        devices: [index],
        count: 1,
      })),
      ...taken.flatMap(({ device, claim, isBelow, by }) => {
        const shared = claim.others ? sharedFromStart(device.index, by, isBelow) : null
        const text = shared ?? (claim.wasShared() ? joined(device.index) : null)
        return text === null ? [] : [{ ...warning('gpu_shared', text), devices: [device.index] }]
      }),
    ],
    release() {
      if (!isHeld) return
      isHeld = false
      for (const { name, claim } of taken) {
        claim.release()
        held.delete(name)
      }
      tellChildren()
    },
  }
}

function sharedFromStart(index: number, by: string, isBelow: boolean): string {
  return isBelow
    ? `this ran inside of another llem that measures GPU ${index}: its joules stand in both results.`
    : `another llem${by} had a load on GPU ${index} when this began (--share): its joules stand in both results.`
}

function joined(index: number): string {
  return `another llem began to share GPU ${index} while this was measured (--share): its joules stand in both results.`
}

/** What descends from this process does not wait for it: "4711:GPU-...,GPU-..." of each that holds something, its parents first. */
function tellChildren(): void {
  const own = `${process.pid}:${[...held.keys()].join(',')}`
  process.env.LLEM_CLAIMED = [...inheritedEntries(), ...(held.size === 0 ? [] : [own])].join(' ')
}

function inheritedEntries(): string[] {
  return (process.env.LLEM_CLAIMED ?? '').split(' ').filter((entry) => /^\d+:/.test(entry) && !isOwn(entry))
}

function isOwn(entry: string): boolean {
  return entry.startsWith(`${process.pid}:`)
}

/** What this process descends from holds. Who was left behind by it descends from it no more. */
function inheritedNames(): Set<string> {
  const parents = parentsOf(process.pid)
  const names = inheritedEntries().flatMap((entry) => {
    const [pid = '', list = ''] = entry.split(':')
    return parents.has(Number(pid)) ? list.split(',') : []
  })
  return new Set(names)
}

function parentsOf(pid: number): Set<number> {
  const parents = new Set<number>()
  for (let at = parentOf(pid); at !== null && at > 1 && !parents.has(at); at = parentOf(at)) parents.add(at)
  return parents
}

/** By the status in /proc; null where it is not to be seen. */
function parentOf(pid: number): number | null {
  try {
    return (
      Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) || null
    )
  } catch {
    return null
  }
}

/** A simulated GPU is one by its scenario. */
function nameOf({ uuid }: Target, simulated: boolean): string {
  const safe = uuid.replaceAll(/[^\w-]/g, '_')
  if (!simulated) return safe
  return `simulated-${createHash('sha256').update(scenarioText()).digest('hex').slice(0, 12)}-${safe}`
}

/** By /proc/locks, in which the kernel names who holds a lock (proc_locks(5)). */
function holderOf(folder: string, name: string): string {
  try {
    const { ino } = statSync(join(folder, name))
    const line = readFileSync('/proc/locks', 'latin1')
      .split('\n')
      .find(
        (each) => each.includes('FLOCK') && each.includes(`:${ino} `) && !each.includes(` ${process.pid} `),
      )
    const pid = /FLOCK\s+\w+\s+\w+\s+(\d+)\s/.exec(line ?? '')?.[1]
    return pid === undefined || pid === '0' ? '' : ` (pid ${pid})`
  } catch {
    return ''
  }
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  gpu_not_claimed: {
    meaning:
      'No claim could be laid on this GPU. A second llem would not have waited, and nobody knows of one.',
    evidence: 'Making or locking the file in /tmp/llem-claims failed.',
    advice: 'Move away what is in its place, or name another folder in LLEM_CLAIMS_DIR, the same for all.',
  },
  gpu_shared: {
    meaning:
      'Another llem had a load on this GPU in the same window. The GPU has one meter, so its joules stand in both results.',
    evidence: 'The claim on the GPU, a lock in /tmp/llem-claims, was held by both.',
    advice: 'Run one after the other: without --share the second one waits.',
  },
}
