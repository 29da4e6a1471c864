import { closest } from '../core/closest.js'
import { experimentJsonSchema, schemaKeys } from './json-schema.js'
import { CAMPAIGN_KEYS } from './schema-campaign.js'
import { bareWord, meantBy } from './vocabulary.js'

export { closest }

/** What an unknown key of a mapping was meant to be: a sibling, a key of another level, or nothing known. */
export function suggestKey(
  unknown: string,
  parent: readonly string[],
  root = experimentJsonSchema(),
): string | null {
  if (parent.length === 0 && root === experimentJsonSchema() && CAMPAIGN_KEYS.includes(unknown))
    return 'it is a key of a campaign, which `llem campaign` runs'
  const paths = [...schemaKeys(root)].map(({ path }) => path)
  const inParent = paths.filter((path) => path.length === parent.length + 1 && startsWith(path, parent))

  if (paths.some((path) => path.length > 1 && path.join('.') === unknown)) {
    const steps = unknown.split('.')
    return `write it nested: ${steps.join(': { ')}: ...${' }'.repeat(steps.length - 1)}`
  }
  const sibling = closest(
    unknown,
    inParent.map((path) => path.at(-1) ?? ''),
  )
  if (sibling !== null && bareWord(sibling) === bareWord(unknown)) return didYouMean(sibling)
  // `n` of warmup is what is called n_warmup there.
  const parts = inParent.filter((path) => path.at(-1)?.split('_').includes(unknown) === true)
  if (parent.length > 0 && parts.length === 1) return didYouMean(parts[0]?.at(-1) ?? '')
  const homes = paths.filter((path) => path.at(-1) === unknown).map((path) => path.slice(0, -1).join('.'))
  if (homes.length > 0) return `\`${unknown}\` belongs ${homes.map(home).join(' or ')}`
  const meant = keysMeant(unknown, parent, paths)
  if (meant.length > 0) return didYouMean(...meant)
  if (sibling !== null) return didYouMean(sibling)

  const elsewhere = closest(unknown, [...new Set(paths.map((path) => path.at(-1) ?? ''))])
  const path = paths.find((candidate) => candidate.at(-1) === elsewhere)
  return path === undefined ? null : didYouMean(path.join('.'))
}

/**
 * What an unknown dotted key was meant to be: the same in other letters, what others mean by its last part, the nearest
 * dotted key, else one with the same last part.
 */
export function suggestDottedKey(unknown: string): string | null {
  const paths = [...schemaKeys()].map(({ path }) => path)
  const keys = paths.map((path) => path.join('.'))
  const steps = unknown.split('.')
  const last = steps.at(-1) ?? ''
  const sameLast = keys.filter((key) => key === last || key.endsWith(`.${last}`))
  const nearest = closest(unknown, keys)
  if (nearest !== null && bareWord(nearest) === bareWord(unknown)) return didYouMean(nearest)
  const meant = sameLast.length > 0 ? [] : keysMeant(last, steps.slice(0, -1), paths)
  if (meant.length > 0) return didYouMean(...meant)
  if (nearest !== null) return didYouMean(nearest)
  return sameLast.length > 0 ? didYouMean(...sameLast.slice(0, 3)) : null
}

/** What an unknown key of a campaign file was meant to be: a word of others first, then the nearest of its keys. */
export function suggestCampaignKey(unknown: string, known: readonly string[]): string | null {
  const near = closest(unknown, known)
  if (near !== null && bareWord(near) === bareWord(unknown)) return didYouMean(near)
  const meant = meantBy(unknown)
  // The campaign's own keys are what is most likely meant here.
  const own = meant.filter((key) => CAMPAIGN_KEYS.includes(key.split('.')[0] ?? ''))
  if (meant.length > 0) return didYouMean(...(own.length > 0 ? own : meant))
  return near === null ? suggestKey(unknown, []) : didYouMean(near)
}

/** Dotted keys that others have another word for, those of the group that it stands under first and alone. */
function keysMeant(
  word: string,
  parent: readonly string[],
  paths: readonly (readonly string[])[],
): readonly string[] {
  const keys = new Set(paths.map((path) => path.join('.')))
  return meantBy(word, parent[0] ?? null).filter((key) => keys.has(key))
}

/** "did you mean `a` or `b`?" */
export function didYouMean(...words: string[]): string {
  return `did you mean ${words.map((word) => `\`${word}\``).join(' or ')}?`
}

function home(parent: string): string {
  return parent === '' ? 'at the top level' : `under \`${parent}\``
}

function startsWith(path: readonly string[], parent: readonly string[]): boolean {
  return parent.every((step, i) => path[i] === step)
}
