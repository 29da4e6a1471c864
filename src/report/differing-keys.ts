// Which settings tell configurations apart, for those that have no name.

/** No name gets longer than a line. */
const MOST_KEYS = 4
/** Where the results went, and what is in a name anyway. */
const NO_SETTING = /^(output_dir|experiment_name|model|backend)$/

/** A configuration as dotted keys and values. */
export function keyed(config: unknown): Map<string, string> {
  const keys = new Map<string, string>()
  walk(config, '', keys)
  return keys
}

function walk(value: unknown, path: string, keys: Map<string, string>): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    for (const [key, inner] of Object.entries(value)) walk(inner, path === '' ? key : `${path}.${key}`, keys)
  else if (path !== '') keys.set(path, typeof value === 'string' ? value : JSON.stringify(value))
}

/** The keys whose values are not the same everywhere, sorted. */
export function differingKeys(all: readonly ReadonlyMap<string, string>[]): string[] {
  const keys = new Set(all.flatMap((each) => [...each.keys()]))
  return [...keys]
    .filter((key) => !NO_SETTING.test(key))
    .filter((key) => new Set(all.map((each) => each.get(key))).size > 1)
    .sort()
    .slice(0, MOST_KEYS)
}
