import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { limitedJson } from '../../core/limited.js'
import { LIMITS } from '../../core/limits.js'
import { cachedModelFolder, isModelPath } from '../../models/folder.js'

/** How many tokens a text has; null where that cannot be told. */
export type CountTokens = (text: string) => number | null

/**
 * The tokenizer of a model that is on this machine: `tokenizer.json` in its folder, or in that of an id which was downloaded
 * before. Null where there is none, or none that can be read: it is a witness, and a run goes on without it.
 */
export async function localTokenizer(model: string): Promise<CountTokens | null> {
  try {
    const folder = isModelPath(model) ? model : cachedModelFolder(model)
    if (folder === null) return null
    const tokenizer = jsonIn(folder, 'tokenizer.json')
    if (tokenizer === null) return null
    const { Tokenizer } = await import('@huggingface/tokenizers')
    const loaded = new Tokenizer(tokenizer, jsonIn(folder, 'tokenizer_config.json') ?? {})
    // One that cannot take a text apart says so by what comes of it.
    const roundTrip = loaded.decode(loaded.encode(SAMPLE, { add_special_tokens: false }).ids)
    if (roundTrip.trim() !== SAMPLE) return null
    return (text) => {
      try {
        return loaded.encode(text, { add_special_tokens: false }).ids.length
      } catch {
        return null
      }
    }
  } catch {
    return null
  }
}

const SAMPLE = 'What does a token cost, in joules?'

function jsonIn(folder: string, name: string): object | null {
  const path = join(folder, name)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile() || stat.size > LIMITS.tokenizer_bytes) return null
  const parsed = limitedJson(readFileSync(path, 'utf8'), LIMITS.tokenizer_values)
  return typeof parsed === 'object' ? parsed : null
}
