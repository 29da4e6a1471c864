// JSON as Python writes it: NaN and Infinity, which JSON does not have, in fields that are of no matter here.

import { limitedJson } from '../core/limited.js'

/** In a text that is longer nobody looks for them. */
const MOST_CHARS = 1024 * 1024

/** As limitedJson, with null for a number that JSON does not have. Throws what that throws of the text as it is. */
export function pythonJson(text: string): unknown {
  try {
    return limitedJson(text)
  } catch (error) {
    if (text.length > MOST_CHARS || !/NaN|Infinity/.test(text)) throw error
    const mended = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (part) =>
      part.startsWith('"') ? part : 'null',
    )
    try {
      return limitedJson(mended)
    } catch {
      throw error
    }
  }
}
