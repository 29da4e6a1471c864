// Folders that look like /sys, whose files a process of their own moves: machines with GPUs and sensors that NVML does not
// know, on a power curve whose joules are known.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nowNs, scratchFolder, textFile } from '../native/scenario.js'
import { joulesUntil } from './sysfs-curve.mjs'

const MOVER = fileURLToPath(new URL('./sysfs-mover.mjs', import.meta.url))

export interface Curve {
  levels: { fromS: number; w: number }[]
  rippleW: number
  rippleHz: number
}

/** What goes wrong with a file, from then on: it stops where it is, says a text, or counts less. */
export interface Fault {
  fromS: number
  toS?: number
  text?: string
  lessJ?: number
}

/** Files that say the same. */
export interface Moved {
  paths: string[]
  curve: Curve
  what: { unit: 'uW' | 'W' | 'uJ' } | { unit: 'mA'; mv: number } | { unit: 'table'; at: number }
  everyMs: number
  phaseMs?: number
  /** Joules that were counted before. */
  offset?: number
  /** Units after which the accumulator begins anew. */
  range?: number
  /** By how much each of the five throttlers behind the accumulator grows each time; absent: there are none. */
  throttlers?: number[]
  fault?: Fault
}

/** A folder below the root -> its files. What is null is made by the mover. */
type Files = Record<string, string | Buffer>

export class SysfsTree {
  readonly root = scratchFolder()
  /** When the curves begin: with the mover, however long that takes to start. */
  #epochNs = nowNs()
  readonly #moved: Moved[] = []
  #mover: ChildProcess | undefined

  /** Files that stay as they are. */
  place(folder: string, files: Files): string {
    for (const [file, text] of Object.entries(files)) {
      const path = join(this.root, folder, file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
    return folder
  }

  /** A file that moves. */
  move(path: string, moved: Omit<Moved, 'paths'>): void {
    const whole = join(this.root, path)
    mkdirSync(dirname(whole), { recursive: true })
    if (moved.what.unit !== 'table') writeFileSync(whole, '')
    this.#moved.push({ ...moved, paths: [whole] })
  }

  /** Seconds of the curves, now. */
  nowS(): number {
    return (nowNs() - this.#epochNs) / 1e9
  }

  async start(): Promise<void> {
    const plan = textFile('plan.json', JSON.stringify({ moved: this.#moved }))
    const mover = spawn(process.execPath, [MOVER, plan], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#mover = mover
    const [epochNs] = await once(mover.stdout, 'data')
    this.#epochNs = Number(epochNs)
  }

  stop(): void {
    this.#mover?.stdin?.end()
  }

  /** What a curve has drawn in a window. */
  joules(curve: Curve, { start_ns, end_ns }: { start_ns: number; end_ns: number }): number {
    const at = (ns: number) => joulesUntil(curve, (ns - this.#epochNs) / 1e9)
    return at(end_ns) - at(start_ns)
  }
}

/** A load that works in bursts of uneven length between two levels, as a server does, from 0 s on. */
export function bursts(idleW: number, loadW: number, seed: number): Curve {
  const levels = [{ fromS: 0, w: idleW }]
  let state = seed
  const dice = () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
  for (let atS = 1 + dice(); atS < 120; ) {
    levels.push({ fromS: atS, w: loadW * (0.8 + 0.2 * dice()) })
    atS += 0.8 + 2 * dice()
    levels.push({ fromS: atS, w: idleW + 0.2 * (loadW - idleW) * dice() })
    atS += 0.3 + 0.7 * dice()
  }
  return { levels, rippleW: 0.04 * loadW, rippleHz: 0.7 }
}

let chips = 0
/** A number that no other test's GPU has: what llem learns of one is kept. */
export function chipNumber(): string {
  chips += 1
  return `${process.pid.toString(16).padStart(8, '0')}${Date.now().toString(16).slice(-6)}${chips.toString(16).padStart(2, '0')}`
}

/** The head of gpu_metrics, all other values none. */
export function metricsTable(size: number, content: number, format = 1): Buffer {
  const table = Buffer.alloc(size, 0xff)
  table.writeUInt16LE(size, 0)
  table.writeUInt8(format, 2)
  table.writeUInt8(content, 3)
  return table
}

/** The files of a PCI device. */
export function pciFiles(vendor: string, device: string, driver: string, address: string): Files {
  return {
    vendor: `0x${vendor}\n`,
    device: `0x${device}\n`,
    uevent: `DRIVER=${driver}\nPCI_ID=${vendor}:${device}\nPCI_SLOT_NAME=${address}\n`,
    current_link_speed: '32.0 GT/s PCIe\n',
    current_link_width: '16\n',
  }
}
