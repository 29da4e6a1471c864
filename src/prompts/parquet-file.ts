// A Parquet file of others is decoded in a thread of its own: run lengths that were damaged can keep the decoder busy
// for ever, and then only its thread is ended, while Ctrl-C is heard all the time.

import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { type ErrorKind, LlemError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { interrupted } from '../progress/wait.js'
import type { TakenPrompt } from './taken.js'
import { unreadableTable } from './unreadable-table.js'

/** What was read of a table, no more rows than were needed. */
export interface TablePrompts {
  prompts: TakenPrompt[]
  column: string
  /** Rows that were looked at and have no prompt. */
  empty: number
  /** Whether there are no more rows. */
  complete: boolean
}

/** What the thread is asked for. */
export interface TableOrder {
  path: string
  /** Null: the one that goes without saying. */
  column: string | null
  needed: number
}

/** What the thread tells: prompts as it reads them, of which it keeps none, and at last what the table is or why it cannot. */
export type TableWord =
  | { kind: 'prompts'; prompts: TakenPrompt[] }
  | { kind: 'read'; table: Omit<TablePrompts, 'prompts'> }
  | { kind: 'refused'; code: string; message: string; hint: string | null; errorKind: ErrorKind }

interface Reading {
  column: string | null
  needed: number
  signal?: AbortSignal | undefined
  /** How long the decoder may say nothing. */
  silenceMs?: number
}

/**
 * Reads the first `needed` prompts of a Parquet file: only their column, and one row group after the other. Throws
 * PROMPTS_INVALID, what textColumn throws, and INTERRUPTED.
 */
export function readParquetFile(
  path: string,
  { column, needed, signal, silenceMs = LIMITS.table_silence_ms }: Reading,
): Promise<TablePrompts> {
  if (signal?.aborted) throw interrupted(signal.reason)
  const worker = new Worker(fileURLToPath(import.meta.resolve('#parquet-worker')), {
    // What node itself was told may not suit a thread, such as --input-type.
    execArgv: [],
    workerData: { path, column, needed } satisfies TableOrder,
    resourceLimits: { maxOldGenerationSizeMb: LIMITS.table_heap_mib },
  })
  const prompts: TakenPrompt[] = []
  const reading = new Promise<TablePrompts>((resolve, reject) => {
    const give = (why: string) => reject(unreadableTable(path, why))
    const late = () => give(`its decoder said nothing for ${silenceMs / 1000} s, so it may be damaged`)
    let timer = setTimeout(late, silenceMs)
    signal?.addEventListener('abort', () => reject(interrupted(signal.reason)), { once: true })
    worker.on('message', (word: TableWord) => {
      clearTimeout(timer)
      if (word.kind === 'read') resolve({ ...word.table, prompts })
      else if (word.kind === 'prompts') {
        for (const prompt of word.prompts) prompts.push(prompt)
        timer = setTimeout(late, silenceMs)
      } else reject(new LlemError(word.message, { code: word.code, hint: word.hint, kind: word.errorKind }))
    })
    worker.on('error', (error) => give(error.message))
    worker.on('exit', () => {
      clearTimeout(timer)
      give('its decoder ended')
    })
  })
  return reading.finally(() => worker.terminate())
}
