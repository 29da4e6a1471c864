/** What a template ends a prompt with so that the model thinks first; some servers send it as a part of the answer. */
export const THOUGHT_TAG = /^\s*<(?:think|thinking|thought|reasoning)>\s*$/

/** After so many gaps between tokens a chunk that is sent before anything was computed is told from a token. */
const SILENCE_GAPS = 5

/**
 * Whether the first chunk, a tag beside the role, is no token: the server counts fewer tokens than chunks, or its count
 * leaves that open and the silence is after that chunk.
 */
export function isOfTemplate(
  timesNs: readonly number[],
  completion: number | null,
  endedByItself: boolean,
): boolean {
  const chunks = timesNs.length
  if (chunks < 3) return false
  if (completion !== null && completion < chunks) return true
  // The end-of-text token may be the one that makes up for the tag.
  const isOpen = completion === null || (endedByItself && completion === chunks)
  const [firstNs = 0, secondNs = 0] = timesNs
  const gapNs = (Number(timesNs[chunks - 1]) - secondNs) / (chunks - 2)
  return isOpen && secondNs - firstNs > SILENCE_GAPS * gapNs
}
