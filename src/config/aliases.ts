import { type Layer, layerOf, placeOf, SOURCES } from './layers.js'
import type { Finding } from './problems.js'
import { ALIASES } from './schema.js'
import { readPath, type Tree, withoutPath } from './tree.js'

/**
 * Leaves at most one of a key and its alias: the one from the stronger source. Both from the same source say two
 * things at once, which is a problem. The schema then moves the alias's value to its key.
 */
export function settleAliases(
  written: Tree,
  layers: readonly Layer[],
): { settled: Tree; findings: Finding[] } {
  const findings: Finding[] = []
  let settled = written
  for (const { alias, key, mayRepeat } of ALIASES) {
    const [aliasPath, keyPath] = [alias.split('.'), key.split('.')]
    const [aliasValue, keyValue] = [readPath(written, aliasPath), readPath(written, keyPath)]
    if (aliasValue === undefined || aliasValue === null || keyValue === undefined) continue
    const aliasRank = rankOf(aliasPath)
    const keyRank = rankOf(keyPath)
    if (aliasRank !== keyRank) settled = withoutPath(settled, aliasRank < keyRank ? aliasPath : keyPath)
    else if (!mayRepeat || aliasValue !== keyValue) {
      const message = `${alias} is another name of ${key}, which is given too`
      findings.push({
        place: placeOf(layers, aliasPath, 'key'),
        key: alias,
        message,
        suggestion: 'keep one of the two',
      })
    }
  }
  return { settled, findings }

  function rankOf(path: readonly string[]): number {
    const source = layerOf(layers, path)?.source
    return source === undefined ? -1 : SOURCES.indexOf(source)
  }
}
