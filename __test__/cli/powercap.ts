// Folders that look like /sys, whose CPU counters a process of their own moves by a power of which every joule is known.

import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scratchFolder } from '../native/scenario.js'

const MOVER = fileURLToPath(new URL('moving-powercap.mjs', import.meta.url))
const RANGE_UJ = 262_143_328_850

/** A counter: its power is `watts` and a sine of `swing_w` around it. */
export interface Zone {
  /** As the kernel names it: "package-0", "dram". */
  name: string
  watts: number
  swing_w?: number
  period_s?: number
  from_uj?: number
  range_uj?: number
  /** From `fault_s` on it stands still, runs backwards, or shows this text. */
  fault?: 'stuck' | 'backwards' | 'N/A'
  fault_s?: number
}

/** "intel-rapl:0:1" -> what it is. */
export type Zones = Record<string, Zone>

export interface MovingTrees {
  /** LLEM_SYSFS_ROOT for each. */
  roots: string[]
  /** What a counter counts between two moments of CLOCK_MONOTONIC, in joules. */
  joules(zone: Zone, window: { start_ns: number; end_ns: number }): number
  stop(): void
}

/** Lays out the trees and moves their counters until stopped; resolves once they move. */
export async function movingTrees(trees: readonly Zones[]): Promise<MovingTrees> {
  const startNs = Number(process.hrtime.bigint())
  const laidOut = trees.map((zones) => ({ root: tree(zones), zones: zonesOf(zones) }))
  const folder = scratchFolder()
  const [spec, stalls] = [join(folder, 'spec.json'), join(folder, 'stalls')]
  writeFileSync(stalls, '')
  writeFileSync(spec, JSON.stringify({ start_ns: startNs, stalls, trees: laidOut }))
  const child = spawn(process.execPath, [MOVER, spec], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve)
    child.once('exit', reject)
  })
  return {
    roots: laidOut.map(({ root }) => root),
    joules(zone, { start_ns, end_ns }) {
      const movedNs = movedBy(stalls)
      return joulesAt(zone, movedNs(end_ns) - startNs) - joulesAt(zone, movedNs(start_ns) - startNs)
    },
    stop: () => void child.kill(),
  }
}

/** When the counters were last moved before a moment: on a busy machine whoever moves them has to wait too. */
function movedBy(stalls: string): (ns: number) => number {
  const lines = readFileSync(stalls, 'utf8').split('\n').filter(Boolean)
  const all = lines.map((line) => line.split(' ').map(Number) as [from: number, to: number])
  return (ns) => all.find(([from, to]) => from <= ns && ns < to)?.[0] ?? ns
}

/** The integral of the power from the beginning. */
function joulesAt({ watts, swing_w = 0, period_s = 1 }: Zone, ns: number): number {
  const turn = (2 * Math.PI) / period_s
  return (watts * ns) / 1e9 + (swing_w / turn) * (1 - Math.cos((turn * ns) / 1e9))
}

function zonesOf(zones: Zones) {
  return Object.entries(zones).map(([folder, zone]) => ({
    folder,
    from_uj: 5_000_000,
    range_uj: RANGE_UJ,
    ...zone,
  }))
}

/** As the kernel lays it out: parts inside packages, and a flat folder of links to all. */
function tree(zones: Zones): string {
  const root = scratchFolder()
  const links = join(root, 'class/powercap')
  mkdirSync(links, { recursive: true })
  for (const { folder, name, range_uj, from_uj } of zonesOf(zones)) {
    const [, socket, part] = folder.split(':')
    const place = part === undefined ? folder : `intel-rapl:${socket}/${folder}`
    const zone = join('devices/virtual/powercap/intel-rapl', place)
    mkdirSync(join(root, zone), { recursive: true })
    symlinkSync(join('../..', zone), join(links, folder))
    writeFileSync(join(links, folder, 'name'), `${name}\n`)
    writeFileSync(join(links, folder, 'max_energy_range_uj'), `${range_uj}\n`)
    writeFileSync(join(links, folder, 'energy_uj'), `${from_uj}\n`)
  }
  return root
}
