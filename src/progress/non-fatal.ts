import { messageOf } from '../core/errors.js'
import type { Observer } from './observer.js'

/**
 * A measuring step beside the inference: where it fails that is told, and `otherwise` stands for what it would have
 * found. It gets the sentence that was told.
 */
export function nonFatal<T>(
  what: string,
  observer: Observer,
  work: () => T,
  otherwise: (sentence: string) => T,
): T {
  try {
    return work()
  } catch (error) {
    const sentence = `${what} failed (non-fatal): ${messageOf(error)}`
    observer.note(sentence)
    return otherwise(sentence)
  }
}
