import type { Prompt } from './protocol.js'

/** A prompt as one text, for models that get no messages: what the system is told comes before it. */
export function plainText({ system, text }: Pick<Prompt, 'system' | 'text'>): string {
  return system === undefined ? text : `${system}\n\n${text}`
}
