import type { Snapshot } from '../native/addon.js'

type DeviceSnapshot = Snapshot['devices'][number]

/** Who has not read for so long, or for so many intervals, knows nothing of now. */
const STALE_MS = 1000
const STALE_INTERVALS = 3

/** A snapshot without what was read of a device too long ago to be now: in its place stands why. */
export function fresh({ atNs, devices }: Snapshot, intervalMs: number): Snapshot {
  const nowNs = Number(process.hrtime.bigint())
  const ageMsOf = (device: DeviceSnapshot) => (device.atNs === undefined ? 0 : (nowNs - device.atNs) / 1e6)
  const isStale = (device: DeviceSnapshot) =>
    ageMsOf(device) > Math.max(STALE_MS, STALE_INTERVALS * intervalMs)
  return {
    ...(atNs === undefined || devices.every(isStale) ? {} : { atNs }),
    devices: devices.map((device) =>
      isStale(device)
        ? { failure: `the driver has not answered for ${(ageMsOf(device) / 1000).toFixed(1)} s` }
        : device,
    ),
  }
}
