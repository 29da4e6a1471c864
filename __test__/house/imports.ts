import { lineOf, literal, type Node, nodesOf } from './syntax.js'

export interface Import {
  specifier: string
  line: number
}

/** What a file imports: statically, by re-export, dynamically, with require, or only as a type. */
export function importsOf(code: string): Import[] {
  return nodesOf(code).flatMap((node) => {
    const specifier = specifierOf(node)
    return specifier === null ? [] : [{ specifier, line: lineOf(code, node) }]
  })
}

function specifierOf(node: Node): string | null {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
    case 'ImportExpression':
    case 'TSImportType':
      return literal(node.source)
    case 'TSExternalModuleReference':
      return literal(node.expression)
    case 'CallExpression':
      return isRequire(node.callee as Node) ? literal((node.arguments as Node[])[0]) : null
    default:
      return null
  }
}

/** `require(...)` and `require.resolve(...)`. */
function isRequire(callee: Node): boolean {
  const target = callee.type === 'MemberExpression' ? (callee.object as Node) : callee
  return target.type === 'Identifier' && target.name === 'require'
}
