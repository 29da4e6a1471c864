// Moves the counters of powercap trees as their powers say, until it is ended: node moving-powercap.mjs SPEC.json
//
// SPEC: { start_ns, stalls, trees: [{ root, zones: [{ folder, watts, swing_w, period_s, from_uj, range_uj, fault, fault_s }] }] }.
// A time in which it was kept from moving them is told in the file `stalls`, in a line "from to" of nanoseconds.
// The power of a zone is watts + swing_w * sin(2 pi t / period_s), t from start_ns on CLOCK_MONOTONIC.

import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'

const EVERY_MS = 10
const LATE_MS = 30
const { start_ns, stalls, trees } = JSON.parse(readFileSync(process.argv[2], 'utf8'))

/** What a zone of a tree shows after so many seconds. */
function shown({ watts, swing_w = 0, period_s = 1, from_uj, range_uj, fault = null, fault_s = 0 }, seconds) {
  const joulesAt = (t) => {
    const turn = (2 * Math.PI) / period_s
    return watts * t + (swing_w / turn) * (1 - Math.cos(turn * t))
  }
  const countedAt = (t) => (from_uj + Math.floor(joulesAt(t) * 1e6)) % range_uj
  if (seconds < fault_s || fault === null) return String(countedAt(seconds))
  if (fault === 'stuck') return String(countedAt(fault_s))
  if (fault === 'backwards') return String(countedAt(Math.max(0, 2 * fault_s - seconds)))
  return fault
}

let movedNs = Number(process.hrtime.bigint())

function move() {
  const nowNs = Number(process.hrtime.bigint())
  if (nowNs - movedNs > LATE_MS * 1e6) appendFileSync(stalls, `${movedNs} ${nowNs}\n`)
  movedNs = nowNs
  const seconds = (nowNs - start_ns) / 1e9
  for (const { root, zones } of trees)
    for (const zone of zones) {
      // As in sysfs, nobody ever sees half a number.
      const path = join(root, 'class/powercap', zone.folder, 'energy_uj')
      writeFileSync(`${path}.next`, `${shown(zone, seconds)}\n`)
      renameSync(`${path}.next`, path)
    }
}

try {
  setPriority(-15)
} catch {
  // Only root may, and then it stalls a little more often.
}
move()
setInterval(move, EVERY_MS)
process.stdout.write('moving\n')
