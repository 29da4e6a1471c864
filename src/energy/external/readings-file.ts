// The readings of a window as the lines that they came as, beside the result, so that its joules can be recomputed.

import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import type { Quantity, Reading } from './protocol.js'

/** At one a second twelve days; a file that would grow longer is given up. */
const MOST_LINES = 1_000_000
const LINES_AT_ONCE = 64

/** The file of a meter's readings, relative to the folder of a result. */
export function readingsFile(name: string): string {
  return `external-${name}.jsonl`
}

export class ReadingsFile {
  readonly #path: string
  #file: number | null
  #waiting: string[] = []
  #lines = 0

  constructor(path: string) {
    this.#path = path
    this.#file = this.#try(() => openSync(path, 'wx'))
  }

  add(quantity: Quantity, { tNs, value }: Reading): void {
    if (this.#file === null) return
    this.#lines += 1
    if (this.#lines > MOST_LINES) {
      this.drop()
      return
    }
    this.#waiting.push(JSON.stringify({ t_ns: tNs, [quantity === 'power' ? 'w' : 'j']: value }))
    if (this.#waiting.length >= LINES_AT_ONCE) this.#write()
  }

  /** Whether all of them are in it. */
  end(): boolean {
    this.#write()
    const file = this.#file
    this.#file = null
    if (file === null) return false
    return this.#try(() => closeSync(file) ?? true) ?? false
  }

  /** Takes it away: half of the readings would make other joules. */
  drop(): void {
    if (this.#file === null) return
    const file = this.#file
    this.#file = null
    this.#waiting = []
    this.#try(() => closeSync(file))
    this.#try(() => rmSync(this.#path, { force: true }))
  }

  #write(): void {
    if (this.#file === null || this.#waiting.length === 0) return
    const [file, text] = [this.#file, `${this.#waiting.join('\n')}\n`]
    this.#waiting = []
    if (this.#try(() => writeSync(file, text)) !== Buffer.byteLength(text)) this.drop()
  }

  /** A disk that is full costs the file, and no joule. */
  #try<T>(work: () => T): T | null {
    try {
      return work()
    } catch {
      return null
    }
  }
}
