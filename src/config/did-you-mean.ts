import { closest } from '../core/closest.js'
import { experimentJsonSchema, schemaKeys } from './json-schema.js'
import { CAMPAIGN_KEYS } from './schema-campaign.js'

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
  if (sibling !== null && sibling.toLowerCase() === unknown.toLowerCase()) return didYouMean(sibling)
  const homes = paths.filter((path) => path.at(-1) === unknown).map((path) => path.slice(0, -1).join('.'))
  if (homes.length > 0) return `\`${unknown}\` belongs ${homes.map(home).join(' or ')}`
  if (sibling !== null) return didYouMean(sibling)

  const elsewhere = closest(unknown, [...new Set(paths.map((path) => path.at(-1) ?? ''))])
  const path = paths.find((candidate) => candidate.at(-1) === elsewhere)
  return path === undefined ? null : didYouMean(path.join('.'))
}

/** What an unknown dotted key was meant to be: the nearest dotted key, else one with the same last part. */
export function suggestDottedKey(unknown: string): string | null {
  const keys = [...schemaKeys()].map(({ path }) => path.join('.'))
  const last = unknown.split('.').at(-1) ?? ''
  const sameLast = keys.filter((key) => key === last || key.endsWith(`.${last}`))
  const nearest = closest(unknown, keys)
  if (nearest !== null) return didYouMean(nearest)
  return sameLast.length > 0 ? didYouMean(...sameLast.slice(0, 3)) : null
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
