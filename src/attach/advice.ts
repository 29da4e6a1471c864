// What to do where a benchmark left no result that can be read.

import { basename } from 'node:path'
import { LIMITS } from '../core/limits.js'
import type { ExecResult } from '../results/exec.js'
import type { Tool } from './benchmark.js'
import type { Found } from './find-results.js'

/** The option that makes a tool write its result, and how it is told. */
const SAVES: Record<Tool, { option: RegExp; advice: string }> = {
  aiperf: {
    option: /--(output-)?artifact-dir\b/,
    advice: 'its artifact folder has to be in the folder in which it runs, or be named by --artifact-dir',
  },
  guidellm: {
    option: /--output(s|-path|-dir)?\b/,
    advice: 'let it write JSON, as with --output-path benchmarks.json',
  },
  'llama-bench': { option: /$^/, advice: 'let it print with -o jsonl, json or md' },
  'lm-eval': { option: /--output_path\b|(^|\s)-o\b/, advice: 'add --output_path FOLDER' },
  'trtllm-bench': {
    option: /--(report|request)_json\b/,
    advice: 'add --report_json FILE and --request_json FILE',
  },
  'vllm-bench': {
    option: /--save-(result|detailed)\b/,
    advice: 'add --save-result, and --save-detailed for the joules of each request',
  },
}

/** Why no result was found, and what to add: nothing that is there already. */
export function whyNone(
  tool: Tool,
  args: readonly string[],
  { exit_code }: ExecResult,
  others: Found['others'],
): string {
  const line = args.join(' ')
  const { option, advice } = SAVES[tool]
  const none = `${tool} wrote no result that was found`
  if (tool === 'vllm-bench' && /\bbench\s+(throughput|latency)\b/.test(line))
    return `${none}: llem reads that of vllm bench serve; those of bench throughput and latency, which --output-json writes, it does not read yet`
  const written = others
    .slice(0, 3)
    .map(({ path, isEmpty }) => `${basename(path)} ${isEmpty ? 'is empty' : 'is none of it'}`)
  const seen = written.length === 0 ? '' : ` (${written.join(', ')})`
  if (exit_code !== 0)
    return `${none}${seen}, and the command ended with exit code ${exit_code}${option.test(line) ? '' : `; ${advice}`}`
  if (!option.test(line)) return `${none}${seen}: ${advice}`
  if (others.some(({ isEmpty }) => isEmpty)) return `${none}${seen}`
  return `${none}${seen}: it is looked for in the folder in which the command runs and those that its command line names, ${LIMITS.result_depth} folders deep`
}
