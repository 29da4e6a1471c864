import { z } from 'zod'
import { experimentConfigSchema } from './schema.js'
import type { Path } from './tree.js'

type TypeName = 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null'

/** The part of JSON Schema that the experiment schema uses; `unit` and `expects` are its own. */
export interface SchemaNode {
  type?: TypeName | TypeName[]
  properties?: Record<string, SchemaNode>
  required?: string[]
  /** What any other key may hold: false for none, a node for a mapping with free keys. */
  additionalProperties?: boolean | SchemaNode
  items?: SchemaNode
  anyOf?: SchemaNode[]
  enum?: string[]
  const?: string | number
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  default?: unknown
  description?: string
  unit?: string
  /** What a value must be, in words, where the constraints alone read badly. */
  expects?: string
  /** What kind of text it is. */
  format?: string
}

let cached: SchemaNode | undefined

/** The JSON schema of an experiment as it is written, for editors. */
export function experimentJsonSchema(): SchemaNode {
  cached ??= z.toJSONSchema(experimentConfigSchema, { io: 'input' }) as SchemaNode
  return cached
}

/** The schema of what may stand at a path; undefined where nothing may. */
export function nodeAt(path: Path, root = experimentJsonSchema()): SchemaNode | undefined {
  let node: SchemaNode | undefined = root
  for (const step of path) {
    if (node === undefined) return undefined
    node = branchesOf(node)
      .map((branch) => childOf(branch, step))
      .find((child) => child !== undefined)
  }
  return node
}

/** The kinds of value that a node allows, itself when there is only one. */
export function branchesOf(node: SchemaNode): SchemaNode[] {
  if (node.anyOf !== undefined) return node.anyOf.flatMap(branchesOf)
  return Array.isArray(node.type) ? node.type.map((type) => ({ ...node, type })) : [node]
}

function childOf(node: SchemaNode, step: string | number): SchemaNode | undefined {
  if (typeof step === 'number') return node.items
  if (node.properties !== undefined && Object.hasOwn(node.properties, step)) return node.properties[step]
  return typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined
}

/** Every key of the schema with its path, groups before what is in them. */
export function* schemaKeys(
  node = experimentJsonSchema(),
  path: readonly string[] = [],
): Generator<{ path: readonly string[]; node: SchemaNode; required: boolean }> {
  for (const branch of branchesOf(node)) {
    for (const [key, child] of Object.entries(branch.properties ?? {})) {
      const childPath = [...path, key]
      yield { path: childPath, node: child, required: branch.required?.includes(key) ?? false }
      yield* schemaKeys(child, childPath)
    }
  }
}

/** True for a key whose value is free text, so that `--set model=123` can mean the text. */
export function isFreeText(node: SchemaNode): boolean {
  const texts = branchesOf(node).filter(({ type }) => type !== 'null')
  return texts.every(
    ({ type, enum: names, const: only }) => type === 'string' && !names && only === undefined,
  )
}
