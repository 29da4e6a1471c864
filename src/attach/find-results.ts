// Where a benchmark has written: what was changed during its run in the folders that its command line names, in the one it ran
// in, and nowhere else. A file from before the run is of another run.

import { closeSync, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { LIMITS } from '../core/limits.js'
import type { Tool } from './benchmark.js'
import { isOfLlamaBench } from './llama-bench.js'

export interface FoundFile {
  path: string
  tool: Tool
  /** Which of the files of a tool it is. */
  part: 'result' | 'requests'
}

/** So much of a file tells whose it is. */
const HEAD_BYTES = 64 * 1024
/** File systems stamp changes with a clock that ticks every 10 ms at most (CONFIG_HZ). */
const COARSE_MS = 20

/** The results written since `sinceMs` (wall clock), and what could not be looked at. */
export function findResults(
  args: readonly string[],
  sinceMs: number,
): { files: FoundFile[]; problems: string[] } {
  const problems: string[] = []
  const left = { entries: LIMITS.result_entries }
  const seen = new Set<string>()
  const files: FoundFile[] = []
  for (const place of placesOf(args))
    for (const path of filesAt(place, left, 0)) {
      if (seen.has(path)) continue
      seen.add(path)
      const found = lookAt(path, sinceMs, problems)
      if (found !== null) files.push(found)
    }
  if (left.entries <= 0)
    problems.push(`more than ${LIMITS.result_entries} files lie there, so not all were looked at for results`)
  return { files, problems }
}

/** What the arguments name, also after `=` and within a line for a shell; at last the working folder. */
function placesOf(args: readonly string[]): string[] {
  const words = args.flatMap((arg) => [arg, ...arg.split(/\s+/)])
  const named = words.flatMap((word) => [word, word.slice(word.indexOf('=') + 1)])
  const isNamed = (text: string) => text !== '' && text.length < 4096 && !/^-|\0|^\/+$|^\.\.?\/*$/.test(text)
  return [...new Set([...named.filter(isNamed).map((text) => resolve(text)), resolve('.')])]
}

/** JSON files there or below, links left out. Never throws. */
function* filesAt(place: string, left: { entries: number }, depth: number): Generator<string> {
  left.entries -= 1
  if (left.entries <= 0) return
  try {
    const stat = statSync(place)
    if (stat.isFile()) {
      if (/\.jsonl?$/i.test(place)) yield realpathSync(place)
      return
    }
    if (!stat.isDirectory() || depth > LIMITS.result_depth) return
    for (const entry of readdirSync(place, { withFileTypes: true })) {
      const isSkipped = entry.name.startsWith('.') || entry.name === 'node_modules' || entry.isSymbolicLink()
      if (!isSkipped && (entry.isDirectory() || /\.jsonl?$/i.test(entry.name)))
        yield* filesAt(join(place, entry.name), left, depth + 1)
    }
  } catch {
    // What is not there, or not to be read, has no result for us.
  }
}

function lookAt(path: string, sinceMs: number, problems: string[]): FoundFile | null {
  try {
    if (statSync(path).ctimeMs < sinceMs - COARSE_MS) return null
    const whose = whoseHead(headOf(path))
    return whose === null ? null : { path, ...whose }
  } catch (error) {
    problems.push(`${path}: ${error instanceof Error ? error.message : error}`)
    return null
  }
}

function headOf(path: string): string {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    return head.subarray(0, readSync(file, head, 0, HEAD_BYTES, 0)).toString('utf8')
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
