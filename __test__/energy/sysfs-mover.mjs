// A process that moves files as sensors of the kernel would: `node sysfs-mover.mjs PLAN.json`. It ends with its stdin.

import { openSync, readFileSync, writeSync } from 'node:fs'
import { joulesUntil } from './sysfs-curve.mjs'

/** @type {{ moved: import('./sysfs-tree.js').Moved[] }} */
const { moved } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'))
// A mean over the time before has to be one.
const epochNs = Number(process.hrtime.bigint()) - 0.5e9
const nowS = () => (Number(process.hrtime.bigint()) - epochNs) / 1e9
const TICK_MS = 2

/** What a file says: of its curve since the last time, or of all of it. */
function value({ curve, what, offset = 0, range }, fromS, toS) {
  const joules = joulesUntil(curve, toS)
  const watts = (joules - joulesUntil(curve, fromS)) / (toS - fromS)
  if (what.unit === 'uW') return String(Math.round(watts * 1e6))
  if (what.unit === 'W') return String(Math.round(watts) * 1e6)
  if (what.unit === 'mA') return String(Math.round((watts * 1e6) / what.mv))
  if (what.unit === 'uJ') return String(Math.round((offset + joules) * 1e6))
  // The accumulator of gpu_metrics, in 2^-16 J.
  const units = BigInt(Math.round((offset + joules) * 65536))
  return range === undefined ? units : units % BigInt(range)
}

/** What a file says, right or wrong. */
function told(file, fromS, toS) {
  const { fault } = file
  if (fault === undefined || toS < fault.fromS || toS > (fault.toS ?? Infinity))
    return value(file, fromS, toS)
  if (fault.text !== undefined) return fault.text
  if (fault.lessJ !== undefined)
    return value({ ...file, offset: (file.offset ?? 0) - fault.lessJ }, fromS, toS)
  return file.last ?? value(file, fromS, toS)
}

const files = moved.map((file) => ({
  ...file,
  fds: file.paths.map((path) => openSync(path, 'r+')),
  moves: 0,
  lastS: nowS() - file.everyMs / 1e3,
  table: file.what.unit === 'table' ? readFileSync(file.paths[0]) : null,
}))

function move(file) {
  const toS = nowS()
  const found = told(file, file.lastS, toS)
  if (file.table === null) {
    // The longest text stays, as the lines behind the first one.
    for (const fd of file.fds) writeSync(fd, `${found}\n`, 0)
  } else {
    const bits = typeof found === 'bigint' ? found : BigInt.asUintN(64, -1n)
    file.table.writeBigUInt64LE(bits, file.what.at)
    file.moves += 1
    for (const [k, grows] of (file.throttlers ?? []).entries())
      file.table.writeUInt32LE(file.moves * grows, file.what.at + 20 + 4 * k)
    for (const fd of file.fds) writeSync(fd, file.table, 0, file.table.length, 0)
  }
  file.lastS = toS
  file.last = found
}

let dueS = files.map(({ everyMs, phaseMs = 0 }) => nowS() + ((phaseMs % everyMs) + 1) / 1e3)
for (const file of files) move(file)
process.stdout.write(`${epochNs}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
setInterval(() => {
  const atS = nowS()
  dueS = dueS.map((each, k) => {
    if (atS < each) return each
    move(files[k])
    const periodS = files[k].everyMs / 1e3
    return each + Math.max(1, Math.ceil((atS - each) / periodS)) * periodS
  })
}, TICK_MS)
