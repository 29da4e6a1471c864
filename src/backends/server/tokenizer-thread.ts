// Runs as a thread of local-tokenizer.ts, which may end it at any moment: answers each text with the number of its tokens, or
// with null where that cannot be told.

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { Tokenizer } from '@huggingface/tokenizers'
import { limitedJson } from '../../core/limited.js'
import { LIMITS } from '../../core/limits.js'

const SAMPLE = 'What does a token cost, in joules?'
const WITHOUT_ENDS = { add_special_tokens: false }

let tokenizer: Tokenizer | null = null

parentPort?.on('message', (text: string) => {
  try {
    tokenizer ??= loaded(workerData)
    parentPort?.postMessage(tokenizer.encode(text, WITHOUT_ENDS).ids.length)
  } catch {
    parentPort?.postMessage(null)
  }
})

function loaded(folder: string): Tokenizer {
  const made = new Tokenizer(
    jsonIn(folder, 'tokenizer.json') ?? {},
    jsonIn(folder, 'tokenizer_config.json') ?? {},
  )
  // One that cannot write what it has read has cut it into something else.
  if (made.decode(made.encode(SAMPLE, WITHOUT_ENDS).ids).trim() !== SAMPLE)
    throw new Error('it reads otherwise')
  return made
}

function jsonIn(folder: string, name: string): object | null {
  const path = join(folder, name)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile() || stat.size > LIMITS.tokenizer_bytes) return null
  const parsed = limitedJson(readFileSync(path, 'utf8'), LIMITS.tokenizer_values)
  return typeof parsed === 'object' ? parsed : null
}
