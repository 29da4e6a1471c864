import { readFileSync, statSync } from 'node:fs'
import { messageOf } from '../core/errors.js'
import { learnSecrets } from '../core/secrets.js'
import type { Layer } from './layers.js'
import { type Finding, given, type Place } from './problems.js'
import { isTree } from './tree.js'
import { readYaml } from './yaml-text.js'

/** Far above any experiment, far below a model file that was named by mistake. */
const MAX_BYTES = 256 * 1024

/** The file as a layer, or null with the reasons. A layer may come with findings (e.g. a key given twice). */
export interface FileLayer {
  layer: Layer | null
  findings: Finding[]
}

/** Reads the experiment file at a path. */
export function fileLayer(path: string): FileLayer {
  const text = readText(path)
  return typeof text === 'string' ? textLayer(text, path) : refused(path, text.message)
}

/** Reads an experiment from a text; `name` is what its problems call it. */
export function textLayer(text: string, name: string): FileLayer {
  const yaml = readYaml(text)
  const place = (offset: number): Place => {
    const { line, col } = yaml.position(offset)
    return { where: `${name}:${line}:${col}`, order: offset }
  }
  const findings = yaml.faults.map(({ offset, message }): Finding => {
    return { place: place(offset), key: null, message, suggestion: null }
  })
  const tree = yaml.value
  // Before anything can be said of it.
  learnSecrets(tree)
  if (isTree(tree)) {
    const layer: Layer = { source: 'file', tree, place: (at, part) => place(yaml.offsetOf(at, part)) }
    return { layer, findings }
  }
  if (yaml.empty)
    findings.push(refusal(name, 'the file is empty', 'it needs at least `model: path/to/model.gguf`'))
  else if (tree !== undefined) {
    const message = `an experiment must be a mapping of keys, got ${given(tree)}`
    findings.push(refusal(name, message, 'it begins with a key, e.g. `model: path/to/model.gguf`'))
  }
  return { layer: null, findings }
}

function readText(path: string): string | { message: string } {
  try {
    const stat = statSync(path)
    if (stat.isDirectory()) return { message: 'is a directory, not an experiment file' }
    // A pipe is fine (`<(...)`), a device such as /dev/zero never ends.
    if (!stat.isFile() && !stat.isFIFO()) return { message: 'is not a file' }
    if (stat.size > MAX_BYTES) return { message: `is too large for an experiment file (${stat.size} bytes)` }
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    return { message: reasonOf(error) }
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'cannot be read: permission denied'
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text'
  return `cannot be read: ${messageOf(error)}`
}

function refused(name: string, message: string): FileLayer {
  return {
    layer: null,
    findings: [{ place: { where: name, order: 0 }, key: null, message, suggestion: null }],
  }
}

function refusal(name: string, message: string, suggestion: string): Finding {
  return { place: { where: `${name}:1:1`, order: 0 }, key: null, message, suggestion }
}
