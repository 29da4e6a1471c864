// Nodes of this machine whose clocks are not its own: an offset by a time namespace, a drift by a library before libc's.

import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nowNs, scratchFolder } from '../native/scenario.js'

const place = scratchFolder()
const [drift, offset] = [join(place, 'drift.so'), join(place, 'offset')]

/** To be called once, before any test. Null, or why there can be no such clock here. */
export function buildClocks(): string | null {
  const source = (name: string) => fileURLToPath(new URL(name, import.meta.url))
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', drift, source('drift.c'), '-ldl'])
  execFileSync('cc', ['-O1', '-o', offset, source('offset.c')])
  const tried = spawnSync(offset, ['1000000', 'true'], { encoding: 'utf8' })
  return tried.status === 0 ? null : `no time namespaces here (${tried.stderr.trim()})`
}

/** The clock of a node: how far it is ahead, and how much faster it is, in parts in a million, from `baseNs` of this clock on. */
export class NodeClock {
  readonly #offsetNs: number
  readonly #ppm: number
  readonly #baseNs: number

  constructor({ offsetNs = 0, ppm = 0 }: { offsetNs?: number; ppm?: number }) {
    this.#offsetNs = offsetNs
    this.#ppm = ppm
    this.#baseNs = nowNs()
  }

  /** What it shows at a moment of this machine's. */
  at(ns: number): number {
    return ns + this.#offsetNs + ((ns - this.#baseNs) * this.#ppm) / 1e6
  }

  /** What makes a program see it. */
  before(env: Record<string, string>): string[] {
    return [
      ...(this.#offsetNs === 0 ? [] : [offset, String(this.#offsetNs)]),
      'env',
      `LD_PRELOAD=${drift}`,
      `CLOCK_BASE_NS=${this.#baseNs + this.#offsetNs}`,
      `CLOCK_PPM=${this.#ppm}`,
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ]
  }
}
