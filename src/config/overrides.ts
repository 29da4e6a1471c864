import { suggestDottedKey } from './did-you-mean.js'
import { nodeAt, type SchemaNode } from './json-schema.js'
import { type Layer, placeAfterFile, type Source, singleLayer } from './layers.js'
import { type Finding, given } from './problems.js'
import { nest } from './tree.js'
import { readValue } from './value-text.js'

/** The value of a command-line flag that stands for a config key, and the flag as it was typed, e.g. `-n`. */
export interface FlagValue {
  flag: string
  /** Undefined where the flag was not given. Text is read like the value of `--set`. */
  value: unknown
}

/** The layers of what was written outside the file, and what is wrong with it. */
export interface Overrides {
  layers: Layer[]
  findings: Finding[]
}

/** `--set a.b=c`, in order. */
export function setLayers(sets: readonly string[]): Overrides {
  const overrides: Overrides = { layers: [], findings: [] }
  for (const [index, set] of sets.entries()) {
    const cut = set.indexOf('=')
    const key = (cut < 0 ? set : set.slice(0, cut)).trim()
    const where = `--set ${key}`
    if (cut < 0) {
      const place = placeAfterFile('set', where, index)
      const suggestion = 'write --set key=value, e.g. --set energy.interval_ms=20'
      overrides.findings.push({ place, key, message: `${given(set)} has no =`, suggestion })
    } else addValue(overrides, { source: 'set', key, where, index, value: set.slice(cut + 1) })
  }
  return overrides
}

/** The flags that were given: dotted key -> flag and value. */
export function flagLayers(flags: Readonly<Record<string, FlagValue>>): Overrides {
  const overrides: Overrides = { layers: [], findings: [] }
  for (const [index, [key, { flag, value }]] of Object.entries(flags).entries()) {
    if (value !== undefined) addValue(overrides, { source: 'flag', key, where: flag, index, value })
  }
  return overrides
}

/** Adds one value under its dotted key, or the reason why it cannot be. Text is read as YAML. */
export function addValue(
  { layers, findings }: Overrides,
  {
    source,
    key,
    where,
    index,
    value,
  }: { source: Source; key: string; where: string; index: number; value: unknown },
  suggest: (key: string) => string | null = suggestDottedKey,
): void {
  const place = placeAfterFile(source, where, index)
  const path = key.split('.')
  const node: SchemaNode | undefined = nodeAt(path)
  if (node === undefined) {
    findings.push({ place, key, message: `unknown key \`${key}\``, suggestion: suggest(key) })
    return
  }
  const read = typeof value === 'string' ? readValue(value, node) : { value }
  if ('message' in read) findings.push({ place, key, message: `${key}: ${read.message}`, suggestion: null })
  else layers.push(singleLayer(source, nest(path, read.value), where, index))
}
