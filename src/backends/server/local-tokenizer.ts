// The tokenizer of a model that is on this machine. It is somebody's file with somebody's regular expressions, so it works in a
// thread with a limit of time and memory: what it cannot do in that is a witness less, and no run that is lost.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { LIMITS } from '../../core/limits.js'
import { cachedModelFolder, isModelPath } from '../../models/folder.js'

/** How many tokens a text has; null where that cannot be told. */
export type CountTokens = (text: string) => Promise<number | null>

/**
 * Counts by `tokenizer.json` in the model's folder, or in that of an id which was downloaded before; null where there is none. The
 * file is read with the first text.
 */
export function localTokenizer(model: string): CountTokens | null {
  const folder = isModelPath(model) ? model : cachedModelFolder(model)
  if (folder === null) return null
  const stat = statSync(join(folder, 'tokenizer.json'), { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile() || stat.size > LIMITS.tokenizer_bytes) return null
  let thread: TokenizerThread | null = null
  return (text) => {
    thread ??= new TokenizerThread(folder)
    return thread.count(text)
  }
}

class TokenizerThread {
  readonly #worker: Worker
  /** What is asked now, after all that was asked before. */
  #last: Promise<number | null> = Promise.resolve(null)
  #leftMs: number = LIMITS.tokenizer_ms
  #hasEnded = false

  constructor(folder: string) {
    this.#worker = new Worker(new URL('./tokenizer-thread.js', import.meta.url), {
      execArgv: [],
      workerData: folder,
      resourceLimits: { maxOldGenerationSizeMb: LIMITS.tokenizer_heap_mib },
    })
    this.#worker.unref()
    const end = () => {
      this.#hasEnded = true
    }
    this.#worker.on('error', end).on('exit', end)
  }

  count(text: string): Promise<number | null> {
    this.#last = this.#last.then(() => this.#ask(text))
    return this.#last
  }

  async #ask(text: string): Promise<number | null> {
    if (this.#hasEnded) return null
    const startMs = performance.now()
    const limitMs = Math.min(LIMITS.tokenizer_silence_ms, this.#leftMs)
    const answer = await new Promise<number | null>((resolve) => {
      const timer = setTimeout(() => resolve(null), limitMs)
      const settle = (count: number | null) => {
        clearTimeout(timer)
        this.#worker.off('message', settle).off('exit', ended)
        resolve(count)
      }
      const ended = () => settle(null)
      this.#worker.once('message', settle).once('exit', ended)
      this.#worker.postMessage(text)
    })
    this.#leftMs -= performance.now() - startMs
    // Nobody asks one again that was late, or is none.
    if (answer === null) {
      this.#hasEnded = true
      await this.#worker.terminate()
    }
    return answer
  }
}
