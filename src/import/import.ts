// A file of another tool -> what `llem run` and `llem campaign` read. Nothing is run and nothing is asked of a network.

import { readFileSync, statSync } from 'node:fs'
import { type FileLayer, fileLayer } from '../config/config-file.js'
import type { Layer } from '../config/layers.js'
import type { Finding } from '../config/problems.js'
import { isTree, type Path, type Tree } from '../config/tree.js'
import { importPython } from './python/import.js'
import { isOfPythonTool } from './python/recognise.js'
import type { Imported } from './reading.js'
import { isBenchCommand } from './vllm-bench/command-lines.js'
import { importBench } from './vllm-bench/import.js'

/** As for llem's own files: what is larger is a model that was named by mistake. */
const MAX_BYTES = 256 * 1024

/** The file in llem's words; null where it is no other tool's: llem's own, or none that can be read. */
export function importFile(path: string): Imported | null {
  const text = shortText(path)
  if (text === null) return null
  if (isBenchCommand(text)) return importBench(text, path)
  const { layer, findings } = fileLayer(path)
  if (layer === null || !isOfPythonTool(layer.tree)) return null
  const read = importPython(layer, path)
  return { ...read, findings: [...findings, ...read.findings] }
}

/** The same as a campaign: an experiment is one of a single one. */
export function asCampaign(imported: Imported): Imported {
  if (imported.kind === 'campaign') return imported
  const { experiment_name: name, ...tree } = imported.tree
  const campaign_name = typeof name === 'string' ? name : 'imported'
  return { ...imported, kind: 'campaign', tree: { campaign_name, ...tree, experiments: [{}] } }
}

/** What the loaders of llem read in place of a file. Problems are told where the foreign file has them. */
export function layerOf({ tree, origins, findings }: Imported, path: string): FileLayer {
  const places = new Map(origins.map((origin) => [JSON.stringify(origin.path), origin.place]))
  const start = { where: `${path}:1:1`, order: 0 }
  const place: Layer['place'] = (at) => {
    for (let length = at.length; length > 0; length--) {
      const found = places.get(JSON.stringify(at.slice(0, length)))
      if (found !== undefined) return found
    }
    return below(at) ?? start
  }
  /** A group has no place of its own: that of the first key in it. */
  const below = (at: Path) => origins.find((origin) => at.every((step, i) => origin.path[i] === step))?.place
  return { layer: { source: 'file', tree: plain(tree), place }, findings: findings as Finding[] }
}

/** Without prototypes and what is undefined, as YAML is read. */
function plain(value: Tree): Tree {
  const inner = (each: unknown): unknown =>
    Array.isArray(each) ? each.map(inner) : isTree(each) ? plain(each) : each
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.assign(
    Object.create(null),
    Object.fromEntries(entries.map(([key, each]) => [key, inner(each)])),
  )
}

function shortText(path: string): string | null {
  try {
    const stat = statSync(path)
    // A pipe can be read once, and is left to whoever reads llem's own files.
    return stat.isFile() && stat.size <= MAX_BYTES ? readFileSync(path, 'utf8') : null
  } catch {
    // Whoever reads it next says why.
    return null
  }
}
