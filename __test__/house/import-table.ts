import { posix } from 'node:path'
import type { Import } from './imports.js'

/** Folder of src/, or a file directly in it -> what it may import; null is everything. */
export type ImportTable = Map<string, string[] | null>

/** Reads the table below the heading "Who may import whom" of ARCHITECTURE.md. */
export function readImportTable(markdown: string): ImportTable {
  const section = markdown.split(/^## /m).find((text) => text.startsWith('Who may import whom'))
  if (section === undefined) throw new Error('ARCHITECTURE.md has no section "Who may import whom"')
  const rows = section.split('\n').filter((line) => /^\| *`/.test(line))
  return new Map(
    rows.map((row) => {
      const cells = row.split('|').map((cell) => cell.replaceAll('`', '').trim())
      const [, place = '', , may = ''] = cells
      return [place.replace(/\/$/, ''), allowed(may)]
    }),
  )
}

function allowed(cell: string): string[] | null {
  if (cell === 'everything') return null
  return cell === '-' ? [] : cell.split(',').map((name) => name.trim())
}

/** Each import of `file`, a path below src/, that the table does not allow, as a sentence. */
export function violations(table: ImportTable, file: string, imports: readonly Import[]): string[] {
  const from = placeOf(file)
  if (!table.has(from)) return [`src/${file}: the table has no row for \`${from}\``]
  const may = table.get(from) ?? null
  return imports
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier, line }) => ({ line, to: posix.join(posix.dirname(file), specifier) }))
    .filter(({ to }) => placeOf(to) !== from && may !== null && !may.includes(placeOf(to)))
    .map(({ line, to }) => `src/${file}:${line}: \`${from}\` may not import \`${to}\``)
}

/** The folder of src/ that a file is in, or its own name directly below src/. */
function placeOf(path: string): string {
  return (path.split('/')[0] ?? path).replace(/\.js$/, '.ts')
}
