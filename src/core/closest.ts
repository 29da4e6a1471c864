import { distance } from 'fastest-levenshtein'

/** The candidate nearest to a mistyped word, or null when none is near enough to be meant. */
export function closest(word: string, candidates: readonly string[]): string | null {
  const limit = Math.max(2, Math.floor(word.length / 3))
  const typed = word.toLowerCase()
  // A separator that was left out or mistaken is no other word: nprompts is n_prompts rather than prompts.
  const bare = (text: string) => text.toLowerCase().replace(/[-_.\s]/g, '')
  const same = candidates.find((candidate) => bare(candidate) === bare(word))
  if (same !== undefined) return same
  let best: { candidate: string; distance: number } | null = null
  for (const candidate of candidates) {
    const away = distance(typed, candidate.toLowerCase())
    // As many edits as letters would turn any word into any other.
    const near = away <= limit && away < word.length
    if (near && (best === null || away < best.distance)) best = { candidate, distance: away }
  }
  return best?.candidate ?? null
}
