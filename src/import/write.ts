// What was read, as YAML of llem: a comment at each key says where it comes from, and at the end stands what has no
// counterpart.

import { basename } from 'node:path'
import { Document, isMap, isScalar, isSeq, type Node, type Pair, visit } from 'yaml'
import type { Path } from '../config/tree.js'
import { printable } from '../core/printable.js'
import { mask } from '../core/secrets.js'
import type { Imported, LostKey } from './reading.js'

/** The text of a file that `llem run` or `llem campaign` reads. */
export function yamlOf({ what, kind, tree, origins, lost }: Imported, path: string): string {
  const doc = new Document(tree, { schema: 'core' })
  // A list of plain values is read at a glance on one line.
  visit(doc, {
    Seq: (_, seq) => {
      if (seq.items.every(isScalar)) seq.flow = true
    },
  })
  for (const { path: at, from, place, how } of origins) {
    const pair = pairAt(doc.contents, at)
    if (pair === null || !isScalar(pair.key)) continue
    const note = how === null ? '' : `: ${how}`
    const before = pair.key.commentBefore
    const said = comment(`${from} (line ${lineOf(place.where)})${note}`)
    pair.key.commentBefore = before == null || before.includes(said) ? said : `${before}\n${said}`
  }
  const run = kind === 'campaign' ? 'llem campaign' : 'llem run'
  const head = [
    `From ${basename(path)}, ${what}; written by \`llem import\`, for \`${run}\`.`,
    'Each comment says which key of it was read, and where that stands.',
  ]
  // A comment before the first key would otherwise run into the head.
  doc.commentBefore = head.map(comment).join('\n')
  const tail = endOf(lost)
  if (tail.length > 0) doc.comment = tail.map(comment).join('\n')
  return doc.toString({ lineWidth: 0 })
}

/** The keys without a counterpart, those first without which something else is measured. */
export function endOf(lost: readonly LostKey[]): string[] {
  const section = (title: string, matters: boolean): string[] => {
    const keys = lost.filter((each) => each.matters === matters)
    return keys.length === 0 ? [] : [title, ...keys.map((each) => `  ${lineOfLost(each)}`)]
  }
  return [
    ...section('No counterpart, so that something else is measured:', true),
    ...section('Not needed:', false),
  ]
}

/** `batching.strategy (exp.yaml:12:3): why` */
export function lineOfLost({ key, place, why }: LostKey): string {
  return `${key} (${place.where}): ${why}`
}

function pairAt(node: unknown, path: Path): Pair | null {
  const [step, ...rest] = path
  if (isSeq(node)) return pairAt(node.items[Number(step)], rest)
  if (!isMap(node)) return null
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
  if (pair === undefined) return null
  return rest.length === 0 ? pair : (pairAt(pair.value as Node, rest) ?? pair)
}

/** One line, whatever a foreign file holds. */
function comment(text: string): string {
  return ` ${printable(mask(text))}`
}

function lineOf(where: string): string {
  return /:(\d+):\d+$/.exec(where)?.[1] ?? where
}
