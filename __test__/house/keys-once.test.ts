import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root, sourceFiles } from './sources.js'
import { type Node, nodesOf } from './syntax.js'

/** Groups of keys of the configuration, as the generated schema has them. */
const { properties } = JSON.parse(readFileSync(join(root, 'docs/experiment.schema.json'), 'utf8')) as {
  properties: Record<string, { properties?: Record<string, unknown> }>
}
const groups = Object.entries(properties).flatMap(([group, { properties: keys }]) =>
  keys === undefined ? [] : [{ group, keys: Object.keys(keys) }],
)

/** The keys of each object of zod in a file. */
function zodObjects(code: string): string[][] {
  return nodesOf(code).flatMap((node) => {
    if (node.type !== 'CallExpression') return []
    const callee = node.callee as Node
    const method = callee.type === 'MemberExpression' ? (callee.property as Node).name : null
    if (method !== 'object' && method !== 'strictObject') return []
    const [shape] = node.arguments as Node[]
    if (shape?.type !== 'ObjectExpression') return []
    return [
      (shape.properties as Node[]).flatMap((property) => {
        const key = property.key as Node | undefined
        return key?.type === 'Identifier' ? [String(key.name)] : []
      }),
    ]
  })
}

describe('a group of the configuration', () => {
  const declared = sourceFiles().flatMap(({ path, code }) =>
    // What a result holds is no configuration, though it may have the words of one; neither is what a worker is told,
    // which has to be understood by one that is no TypeScript.
    /^(config|backends)\//.test(path) && path !== 'backends/protocol.ts'
      ? zodObjects(code).map((keys) => ({ path, keys }))
      : [],
  )

  it.each(groups)('$group is declared once', ({ keys }) => {
    // Half of its keys make a second declaration, however much that one has drifted.
    const alike = declared.filter(
      (each) => keys.filter((key) => each.keys.includes(key)).length > keys.length / 2,
    )
    expect(alike.map(({ path }) => path).length, alike.map(({ path }) => path).join()).toBeLessThanOrEqual(1)
  })
})
