import { canonicalJson } from '../core/identity.js'
import { type ExperimentConfig, experimentConfigSchema } from './schema.js'
import type { Tree } from './tree.js'

/** Ways in which one key is written that are remembered; a key with more of them is hardly ever written the same twice. */
const REMEMBERED = 1000
/** Not one of the values that a schema answers. */
const REFUSED = Symbol('refused')

/**
 * Parses experiments that are much alike, as the points of a grid are: each key is parsed once for each way in which it is
 * written, not once for each point. Points share the parsed groups, which are frozen: nobody may change them.
 */
export class GroupwiseParser {
  readonly #parsed = new Map<string, Map<unknown, unknown>>()

  /** The config, before rules; null where any key is refused, and the whole schema says why. */
  parse(written: Tree): ExperimentConfig | null {
    const { shape } = experimentConfigSchema.in
    if (Object.keys(written).some((key) => !Object.hasOwn(shape, key))) return null
    const groups: Record<string, unknown> = {}
    for (const key of Object.keys(shape)) {
      const group = this.#group(key as keyof typeof shape, written[key])
      if (group === REFUSED) return null
      groups[key] = group
    }
    const whole = experimentConfigSchema.out.safeParse(groups)
    return whole.success ? (whole.data as ExperimentConfig) : null
  }

  #group(key: keyof typeof experimentConfigSchema.in.shape, written: unknown): unknown {
    const known = this.#parsed.get(key) ?? new Map<unknown, unknown>()
    this.#parsed.set(key, known)
    const name = nameOf(written)
    if (known.has(name)) return known.get(name)
    const parsed = experimentConfigSchema.in.shape[key].safeParse(written)
    const group = parsed.success ? frozen(parsed.data) : REFUSED
    if (known.size >= REMEMBERED) known.clear()
    known.set(name, group)
    return group
  }
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}

/** Equal for what is written the same. Text is quoted, so that it is not taken for a group. */
function nameOf(written: unknown): unknown {
  if (typeof written === 'string') return JSON.stringify(written)
  if (typeof written !== 'object' || written === null) return written
  try {
    return canonicalJson(written)
  } catch {
    // Infinity has no JSON. An object is the name of itself alone.
    return written
  }
}
