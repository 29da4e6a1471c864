// JSON as Python writes it: NaN and Infinity, which JSON does not have, in fields that are of no matter here.

import { limitedJson } from './limited.js'
import { LIMITS } from './limits.js'

/** In a text that is longer nobody looks for them, where nothing else is said. */
const MOST_CHARS = 1024 * 1024

/** As limitedJson, with null for a number that JSON does not have. Throws what that throws of the text as it is. */
export function pythonJson(
  text: string,
  { maxChars = MOST_CHARS, maxValues = LIMITS.json_values }: { maxChars?: number; maxValues?: number } = {},
): unknown {
  try {
    return limitedJson(text, maxValues)
  } catch (error) {
    if (text.length > maxChars || !/NaN|Infinity/.test(text)) throw error
    const mended = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (part) =>
      part.startsWith('"') ? part : 'null',
    )
    try {
      return limitedJson(mended, maxValues)
    } catch {
      throw error
    }
  }
}
