import { branchesOf, type SchemaNode, schemaKeys } from './json-schema.js'

/** One row of the table of keys. */
export interface KeyDescription {
  /** Dotted, e.g. `energy.interval_ms`. */
  key: string
  /** `number`, `integer | max | null`, `text`, `boolean`, ... */
  type: string
  required: boolean
  /** Null both for "null by default" and for a key without default. */
  default: unknown
  unit: string | null
  /** `1 to 5000`, `at least 1`; null where the type says it all. */
  range: string | null
  description: string
}

/** Every key that holds a value, in the order of the schema. */
export function describeConfig(): KeyDescription[] {
  return [...schemaKeys()]
    .filter(({ node }) => node.properties === undefined)
    .map(({ path, node, required }) => ({
      key: path.join('.'),
      type: typeOf(node),
      required,
      default: node.default ?? null,
      unit: node.unit ?? null,
      range: rangeOf(node),
      description: node.description ?? '',
    }))
}

/** What a value must be, in words: `a number from 1 to 5000 (ms)`, `auto, cuda, vulkan or none`. */
export function expectation(node: SchemaNode, unit = node.unit): string {
  if (node.expects !== undefined) return node.expects
  const branches = branchesOf(node)
  if (branches.length > 1) return either(branches.map((branch) => expectation(branch, unit)))
  if (node.enum !== undefined) return either(node.enum)
  if (node.const !== undefined) return String(node.const)
  const range = numericRange(node, 'from')
  const tail = `${range === null ? '' : ` ${range}`}${unit === undefined ? '' : ` (${unit})`}`
  switch (node.type) {
    case 'integer':
      return `a whole number${tail}`
    case 'number':
      return `a number${tail}`
    case 'boolean':
      return 'true or false'
    case 'string':
      return 'text'
    case 'array':
      return `a list, each ${node.items === undefined ? 'of any kind' : expectation(node.items)}`
    case 'object':
      return `a mapping with keys such as ${Object.keys(node.properties ?? {})
        .slice(0, 3)
        .join(', ')}`
    default:
      return String(node.type)
  }
}

/** The words that may stand at a node, e.g. `auto` and `cuda`. */
export function wordsOf(node: SchemaNode): string[] {
  return branchesOf(node).flatMap((branch) => {
    return branch.enum ?? (typeof branch.const === 'string' ? [branch.const] : [])
  })
}

function typeOf(node: SchemaNode): string {
  const branches = branchesOf(node)
  if (branches.length > 1) return [...new Set(branches.map(typeOf))].join(' | ')
  if (node.enum !== undefined) return node.enum.join(' | ')
  if (node.const !== undefined) return String(node.const)
  if (node.type === 'array') return `list of (${node.items === undefined ? 'any' : typeOf(node.items)})`
  if (node.type === 'string') return 'text'
  return node.type === 'object' ? 'mapping' : String(node.type ?? 'any')
}

function rangeOf(node: SchemaNode): string | null {
  if (node.expects !== undefined) return node.expects
  const ranges = branchesOf(node).map((branch) => numericRange(branch))
  return ranges.find((range) => range !== null) ?? null
}

/** zod writes the safe integers as a bound; to a person that is no bound. */
function numericRange(node: SchemaNode, from: 'from' | '' = ''): string | null {
  const min = node.minimum === Number.MIN_SAFE_INTEGER ? undefined : node.minimum
  const max = node.maximum === Number.MAX_SAFE_INTEGER ? undefined : node.maximum
  const above = node.exclusiveMinimum
  if (above !== undefined) return max === undefined ? `above ${above}` : `above ${above} and at most ${max}`
  if (min !== undefined && max !== undefined) return `${from}${from && ' '}${min} to ${max}`
  if (min !== undefined) return `${from && 'of '}at least ${min}`
  return max === undefined ? null : `${from && 'of '}at most ${max}`
}

function either(options: readonly string[]): string {
  const last = options.at(-1) ?? ''
  return options.length < 2 ? last : `${options.slice(0, -1).join(', ')} or ${last}`
}
