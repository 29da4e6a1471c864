// The other half is crates/binding/src/calibrate.rs: one GPU that is asked what is specific to it.

import type { NativeProbe } from '#addon'
import {
  asLlemError,
  type CallLatency,
  type Listened,
  type LoadEdge,
  type LoadFit,
  loadAddon,
} from './addon.js'

/** One GPU that is asked questions, one at a time. While it lives, the driver stays loaded. */
export class Probe {
  #native: NativeProbe | null

  private constructor(native: NativeProbe) {
    this.#native = native
  }

  /** Opens a GPU and reads nothing yet. Throws what Sampler.open throws. */
  static async open(uuid: string, libraryPath: string | undefined): Promise<Probe> {
    const addon = await loadAddon()
    try {
      return new Probe(addon.NativeProbe.open(uuid, libraryPath))
    } catch (error) {
      throw asLlemError(error)
    }
  }

  /** Lets go of the GPU, as soon as the garbage is collected. */
  close(): void {
    this.#native = null
  }

  /** How long each kind of call takes; up to a second each. */
  latencies(signal: AbortSignal): Promise<CallLatency[]> {
    return this.#untilAborted(signal, (native) => native.latencies())
  }

  /** Reads power and counter every millisecond for so long. */
  listen(forMs: number, signal: AbortSignal): Promise<Listened> {
    return this.#untilAborted(signal, (native) => native.listen(forMs))
  }

  /** What the last listening and the edges of the load that ran meanwhile tell of sensor and counter. */
  fitLoad(edges: LoadEdge[]): Promise<LoadFit> {
    return this.#opened().fitLoad(edges)
  }

  /** What is aborted resolves with what it has. */
  async #untilAborted<T>(signal: AbortSignal, ask: (native: NativeProbe) => Promise<T>): Promise<T> {
    const native = this.#opened()
    const stop = () => native.stop()
    const answer = ask(native)
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    return answer.finally(() => signal.removeEventListener('abort', stop))
  }

  #opened(): NativeProbe {
    if (this.#native === null) throw new Error('the probe is closed')
    return this.#native
  }
}
