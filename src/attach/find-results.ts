// Where a benchmark has written: what was changed during its run in the folders that its command line names, in the one it ran
// in, and nowhere else. A file from before the run is of another run, also where it was moved, copied or touched in it.

import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { messageOf } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import type { Tool } from './benchmark.js'
import { isOfLlamaBench } from './llama-bench.js'

export interface FoundFile {
  path: string
  tool: Tool
  /** Which of the files of a tool it is. */
  part: 'result' | 'requests'
  /** What comes before was there before the run: --append-result puts one result below the other. */
  fromByte?: number
}

/** What lay there before the run, so that a file that is moved, copied or touched is no result of it. */
export interface Before {
  sinceMs: number
  contents: ReadonlySet<string>
  /** Those to which a run may append. */
  appendable: readonly { size: number; content: string }[]
}

export interface Found {
  files: FoundFile[]
  /** JSON files that were written, and are nobody's: by name, and what they look like. */
  others: { path: string; isEmpty: boolean }[]
  /** What may have been missed. */
  problems: string[]
}

/** So much of a file tells whose it is. */
const HEAD_BYTES = 64 * 1024
/** File systems stamp changes with a clock that ticks every 10 ms at most (CONFIG_HZ). */
const COARSE_MS = 20

/** A look at all files that `findResults` will look at. Call it right before the run. */
export function lookBefore(args: readonly string[]): Before {
  const contents = new Set<string>()
  const appendable: Before['appendable'][number][] = []
  for (const path of filesOf(args, { entries: LIMITS.result_entries }))
    try {
      const whose = whoseHead(headOf(path))
      if (whose === null) continue
      const { size } = statSync(path)
      const content = contentMark(path, size)
      contents.add(content)
      if (isAppendable(whose.tool)) appendable.push({ size, content })
    } catch {
      // What cannot be read now is not compared; its times will tell.
    }
  return { sinceMs: Date.now(), contents, appendable }
}

/** The results written since then, each once, and what could not be looked at. */
export function findResults(
  args: readonly string[],
  before: Before,
  most: number = LIMITS.result_entries,
): Found {
  const left = { entries: most }
  const found: Found = { files: [], others: [], problems: [] }
  const contents = new Set(before.contents)
  for (const path of filesOf(args, left))
    try {
      const { size, ctimeMs, mtimeMs } = statSync(path)
      // One that was moved here keeps the time of its content.
      if (Math.min(ctimeMs, mtimeMs) < before.sinceMs - COARSE_MS) continue
      const whose = whoseHead(headOf(path))
      const content = whose === null ? '' : contentMark(path, size)
      if (contents.has(content)) continue
      if (whose !== null) contents.add(content)
      if (whose === null) found.others.push({ path, isEmpty: size === 0 })
      else found.files.push({ path, ...whose, ...grownFrom(path, size, whose.tool, before) })
    } catch (error) {
      found.problems.push(`${path}: ${messageOf(error)}`)
    }
  if (left.entries <= 0)
    found.problems.push(
      `more than ${most} files lie there, so not all were looked at: run it in a folder of its own`,
    )
  return found
}

/** `vllm bench serve --append-result`, `llama-bench >> tests.jsonl` */
function isAppendable(tool: Tool | undefined): boolean {
  return tool === 'vllm-bench' || tool === 'llama-bench'
}

function grownFrom(path: string, size: number, tool: Tool, { appendable }: Before): { fromByte?: number } {
  if (!isAppendable(tool)) return {}
  const old = appendable
    .filter((each) => each.size > 0 && each.size < size && contentMark(path, each.size) === each.content)
    .map((each) => each.size)
  return old.length === 0 ? {} : { fromByte: Math.max(...old) }
}

/** What the arguments name, also after `=` and within a line for a shell; at last the working folder. */
function placesOf(args: readonly string[]): string[] {
  const words = args.flatMap((arg) => [arg, ...arg.split(/\s+/)])
  const named = words.flatMap((word) => [word, word.slice(word.indexOf('=') + 1)])
  const isNamed = (text: string) => text !== '' && text.length < 4096 && !/^-|\0|^\/+$|^\.\.?\/*$/.test(text)
  return [...new Set([...named.filter(isNamed).map((text) => resolve(text)), resolve('.')])]
}

/** JSON files there and below, each once, the nearest ones first, links left out. Never throws. */
function* filesOf(args: readonly string[], left: { entries: number }): Generator<string> {
  const seen = new Set<string>()
  let level = placesOf(args)
  for (let depth = 0; depth <= LIMITS.result_depth + 1 && level.length > 0; depth += 1) {
    const folders: string[] = []
    for (const place of level) {
      if (left.entries <= 0) return
      left.entries -= 1
      try {
        const stat = statSync(place)
        const path = realpathSync(place)
        if (seen.has(path)) continue
        seen.add(path)
        if (stat.isFile() && JSON_NAME.test(place)) yield path
        else if (stat.isDirectory() && depth <= LIMITS.result_depth) folders.push(path)
      } catch {
        // What is not there, or not to be read, has no result for us.
      }
    }
    level = folders.flatMap(entriesOf)
  }
}

const JSON_NAME = /\.jsonl?$/i

/** Files before folders. */
function entriesOf(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true }).filter(
      (each) => !each.name.startsWith('.') && each.name !== 'node_modules' && !each.isSymbolicLink(),
    )
    const files = entries.filter((each) => !each.isDirectory() && JSON_NAME.test(each.name))
    const folders = entries.filter((each) => each.isDirectory())
    return [...files, ...folders].map(({ name }) => join(folder, name))
  } catch {
    return []
  }
}

/** Of the first `size` bytes: how many, and what is at both ends. Results say when they were made at either. */
function contentMark(path: string, size: number): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const part = Buffer.alloc(Math.min(size, HEAD_BYTES))
    const hash = createHash('sha256')
    for (const from of [0, size - part.length])
      hash.update(part.subarray(0, readSync(file, part, 0, part.length, from)))
    return `${size} ${hash.digest('hex')}`
  } finally {
    closeSync(file)
  }
}

function headOf(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const head = Buffer.alloc(Math.min(HEAD_BYTES, fstatSync(file).size))
    return head.subarray(0, readSync(file, head, 0, head.length, 0)).toString('utf8')
  } finally {
    closeSync(file)
  }
}

/** Whose a file is, by keys that only this tool writes together. */
export function whoseHead(head: string): Pick<FoundFile, 'tool' | 'part'> | null {
  const has = (...keys: string[]) => keys.every((key) => head.includes(`"${key}"`))
  if (has('metadata', 'request_start_ns', 'benchmark_phase', 'metrics') && !has('payload'))
    return { tool: 'aiperf', part: 'requests' }
  if (has('aiperf_version')) return has('timeslices') ? null : { tool: 'aiperf', part: 'result' }
  if (has('guidellm_version') || has('benchmarks', 'run_stats')) return { tool: 'guidellm', part: 'result' }
  if (isOfLlamaBench(head)) return { tool: 'llama-bench', part: 'result' }
  if (has('world_info', 'request_info')) return { tool: 'trtllm-bench', part: 'result' }
  if (has('num_input_tokens', 'start_timestamp', 'end_timestamp'))
    return { tool: 'trtllm-bench', part: 'requests' }
  if (/^\s*\{\s*"results"\s*:/.test(head)) return { tool: 'lm-eval', part: 'result' }
  if (has('date', 'num_prompts', 'model_id')) return { tool: 'vllm-bench', part: 'result' }
  return null
}

/** Which tool a command line starts, as far as it says. */
export function toolOf(args: readonly string[]): Tool | null {
  const line = args.join(' ')
  if (/(^|[\s/])llama-bench\b/.test(line)) return 'llama-bench'
  if (/(^|[\s/])aiperf\b/.test(line)) return 'aiperf'
  if (/(^|[\s/])guidellm\b/.test(line)) return 'guidellm'
  if (/(^|[\s/])trtllm-bench\b/.test(line)) return 'trtllm-bench'
  if (/(^|[\s/])(lm[_-]eval|lm-evaluation-harness)\b/.test(line)) return 'lm-eval'
  return /\bvllm\b.*\bbench\b|\bbenchmark_serving\b/.test(line) ? 'vllm-bench' : null
}
