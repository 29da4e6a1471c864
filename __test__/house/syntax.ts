import { parseAst } from 'vitest/node'

export interface Node {
  type: string
  start: number
  [key: string]: unknown
}

/** Every node of a TypeScript file, parents before children. */
export function nodesOf(code: string): Node[] {
  return [...walk(parseAst(code, { lang: 'ts' }))]
}

function* walk(value: unknown): Generator<Node> {
  if (typeof value !== 'object' || value === null) return
  if (isNode(value)) yield value
  for (const child of Object.values(value)) yield* walk(child)
}

function isNode(value: object): value is Node {
  return 'type' in value && typeof value.type === 'string'
}

/** The line, from 1, on which a node begins. */
export function lineOf(code: string, { start }: Node): number {
  return code.slice(0, start).split('\n').length
}

/** The text of a string literal, null for anything else. */
export function literal(node: unknown): string | null {
  const value = (node as { type?: unknown; value?: unknown } | null)?.value
  return typeof value === 'string' ? value : null
}
