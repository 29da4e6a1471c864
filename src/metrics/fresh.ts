import type { Snapshot } from '../native/addon.js'

/** Who has not read for so long, or for so many intervals, knows nothing of now. */
const STALE_MS = 1000
const STALE_INTERVALS = 3

/** A snapshot without what was read too long ago to be now: in its place stands why. */
export function fresh(snapshot: Snapshot, intervalMs: number): Snapshot {
  if (snapshot.atNs === undefined) return snapshot
  const ageMs = (Number(process.hrtime.bigint()) - snapshot.atNs) / 1e6
  if (ageMs <= Math.max(STALE_MS, STALE_INTERVALS * intervalMs)) return snapshot
  const failure = `the driver has not answered for ${(ageMs / 1000).toFixed(1)} s`
  return { devices: snapshot.devices.map(() => ({ failure })) }
}
