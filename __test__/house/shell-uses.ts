import { lineOf, literal, type Node, nodesOf } from './syntax.js'

/**
 * Where a file starts something through a shell, in which a space or a quote in a file's name becomes a command:
 * `line: what`.
 */
export function shellUses(code: string): string[] {
  return nodesOf(code).flatMap((node) => uses(node).map((what) => `${lineOf(code, node)}: ${what}`))
}

function uses(node: Node): string[] {
  if (node.type === 'Property') {
    const key = node.key as Node
    const isShell = key.name === 'shell' || literal(key) === 'shell'
    return isShell && (node.value as Node).value !== false ? ['shell'] : []
  }
  if (node.type !== 'ImportDeclaration') return []
  const source = literal(node.source) ?? ''
  if (!/^(node:)?child_process$/.test(source)) return []
  return (node.specifiers as Node[]).flatMap((specifier) => {
    const name = (specifier.imported as Node | undefined)?.name
    if (name === undefined) return [`all of ${source}`]
    return name === 'exec' || name === 'execSync' ? [`${name} of ${source}`] : []
  })
}
