// Why a campaign is paused must be told by its folder also when its disk is full. So a file gets its room at the start and
// is written over in place, which needs none; the manifest cannot do that, as it grows with the campaign.

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import { mask } from '../core/secrets.js'
import { adviceOn } from '../core/system-fault.js'
import { type CampaignState, campaignStateSchema } from './state.js'

const BYTES = 1024

const pathIn = (dir: string) => join(dir, 'pause.json')

/** Takes the room, and forgets an earlier pause. Throws PAUSE_NOT_WRITTEN. */
export function reservePause(dir: string): void {
  try {
    writeFileSync(pathIn(dir), `${' '.repeat(BYTES - 1)}\n`, { flush: true })
  } catch (cause) {
    throw new LlemError(`${pathIn(dir)} could not be written: ${messageOf(cause)}.`, {
      code: 'PAUSE_NOT_WRITTEN',
      hint: adviceOn(cause),
      cause,
    })
  }
}

/** Writes the state down where there is no room for a manifest. */
export function keepPause(dir: string, { state, reason }: CampaignState): void {
  // Characters of more than one byte would not fit; a reason is for people and may be cut.
  const text = JSON.stringify({
    state,
    reason:
      reason === null
        ? null
        : mask(reason)
            .replace(/[^\x20-\x7e]/g, '?')
            .slice(0, BYTES / 2),
  })
  const file = openSync(pathIn(dir), 'r+')
  try {
    writeSync(file, `${text.padEnd(BYTES - 1)}\n`.slice(0, BYTES), 0)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The state that was kept; null where there was no need. */
export function keptPause(dir: string): CampaignState | null {
  const path = pathIn(dir)
  if (!existsSync(path)) return null
  try {
    return campaignStateSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}
