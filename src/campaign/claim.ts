// Who runs a campaign. The lock decides; the claim is for people, and for a folder on a network disk, where the lock of
// another host may not be seen.

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { LlemError } from '../core/errors.js'
import { type FileLock, takeLock, waitForLock } from '../native/lock.js'
import { writeJsonAtomically } from '../results/files.js'

const HEARTBEAT_MS = 15_000
/** Four heartbeats that did not come. */
const SILENT_MS = 60_000

const claimSchema = z.object({
  host: z.string(),
  pid: z.number().int(),
  boot_id: z.string().nullable(),
  started_at: z.string(),
  heartbeat_at: z.string(),
})
export type Claim = z.infer<typeof claimSchema>

/** Makes this process the only one that runs the campaign. Throws CAMPAIGN_RUNNING. */
export async function claimCampaign(dir: string): Promise<{ release(): void }> {
  const lock = await patientLock(join(dir, 'lock'))
  const other = readClaim(dir)
  if (lock === null || (other !== null && isAliveElsewhere(other))) {
    lock?.release()
    throw running(dir, other)
  }
  const started_at = new Date().toISOString()
  const beat = () =>
    writeJsonAtomically(join(dir, 'claim.json'), {
      host: hostname(),
      pid: process.pid,
      boot_id: bootId(),
      started_at,
      heartbeat_at: new Date().toISOString(),
    } satisfies Claim)
  await beat()
  // A full disk does not end the claim: the lock is what counts here.
  const timer = setInterval(() => void beat().catch(() => undefined), HEARTBEAT_MS)
  timer.unref()
  return {
    release() {
      clearInterval(timer)
      try {
        // Another host would wait for a heartbeat that grows old.
        rmSync(join(dir, 'claim.json'), { force: true })
      } catch {
        // It does so then, and the campaign's own end, good or bad, is told.
      } finally {
        lock.release()
      }
    },
  }
}

/** `llem campaign status` holds it for a moment too. */
function patientLock(path: string): Promise<FileLock | null> {
  return waitForLock(path, { signal: AbortSignal.timeout(250) }).catch((error: unknown) => {
    if (error instanceof LlemError) throw error
    return null
  })
}

/** Whether somebody runs the campaign now. */
export async function isRunning(dir: string): Promise<boolean> {
  if (!existsSync(join(dir, 'lock'))) return false
  const lock: FileLock | null = await takeLock(join(dir, 'lock'))
  lock?.release()
  const claim = readClaim(dir)
  return lock === null || (claim !== null && isAliveElsewhere(claim))
}

/** The latest claim; null where there is none that can be read. */
export function readClaim(dir: string): Claim | null {
  try {
    return claimSchema.parse(JSON.parse(readFileSync(join(dir, 'claim.json'), 'utf8')))
  } catch {
    return null
  }
}

/** On this host the lock has decided already; of another only the heartbeat tells. */
function isAliveElsewhere({ host, heartbeat_at }: Claim): boolean {
  return host !== hostname() && Date.now() - Date.parse(heartbeat_at) < SILENT_MS
}

function bootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return null
  }
}

function running(dir: string, claim: Claim | null): LlemError {
  const who =
    claim === null ? 'another llem' : `llem (pid ${claim.pid} on ${claim.host}, since ${claim.started_at})`
  return new LlemError(`${who} is running this campaign`, {
    code: 'CAMPAIGN_RUNNING',
    hint: `Wait for it, or look at it: llem campaign status ${dir}`,
    kind: 'usage',
  })
}
