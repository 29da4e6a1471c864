// A benchmark under the meter: its own results, found after it has ended, and the joules of its requests, phases and tokens
// beside them. The joules are those of `llem exec`, and this only divides them.

import { join } from 'node:path'
import { messageOf } from '../core/errors.js'
import { maskedJson } from '../core/secrets.js'
import type { Attached } from '../results/attached.js'
import type { ExecResult } from '../results/exec.js'
import { writeBytesAtomically } from '../results/files.js'
import { type ForeignBenchmark, type ForeignResult, Problems, type Tool } from './benchmark.js'
import { type Anchor, wallClock } from './clock.js'
import { type FoundFile, findResults, toolOf, whoseHead } from './find-results.js'
import { type JoinedRequests, joinRequests, type Placed, placedSpan } from './join.js'
import { readLlamaBench } from './llama-bench.js'
import type { Printed } from './printed.js'
import { commandRates, spanRates } from './rates.js'
import { readResults } from './read-results.js'

/** What a run of a benchmark left. */
export interface RanBenchmark {
  args: readonly string[]
  result: ExecResult
  /** The folder with samples.parquet. */
  dir: string
  /** Whether that is kept. */
  isKept: boolean
  /** What it printed; null where it had the terminal. */
  printed: Printed | null
  /** The clocks before it began and after it had ended. */
  begin: Anchor
  end: Anchor
}

/** Always resolves: what cannot be read or joined is null with its reason. */
export async function attach(ran: RanBenchmark): Promise<Attached> {
  const { result, dir, isKept, begin, end } = ran
  const problems = new Problems()
  const found = await foundResult(ran, problems)
  const { tool, sources, benchmarks } = found
  const wall = wallClock(begin, end)
  const window = result.energy?.window ?? null
  const samplesPath = result.samples_path === null ? null : join(dir, result.samples_path)
  const placed = benchmarks.map((each, index) => found.placed?.[index] ?? placedSpan(each, wall, window))
  const rated: Attached['benchmarks'] = []
  for (const [index, benchmark] of benchmarks.entries()) {
    const place = placed[index] as Placed
    rated.push({
      ...ownOf(benchmark),
      window: place.span === null ? null : { start_ns: place.span.startNs, end_ns: place.span.endNs },
      ...(await spanRates(samplesPath, benchmark, place, result)),
    })
  }
  const joined = await joinRequests(benchmarks, placed, { result, samplesPath, wall })
  const clocks = new Set(placed.flatMap(({ clock }) => clock ?? []))
  return {
    tool,
    tool_version: found.version,
    reason: found.reason,
    sources,
    problems: problems.all(),
    clock: clocks.has('wall')
      ? 'wall'
      : clocks.has('output')
        ? 'output'
        : clocks.has('monotonic')
          ? 'monotonic'
          : null,
    clock_drift_ms: clocks.has('wall') ? wall.driftMs : null,
    benchmarks: rated,
    command: commandRates(result, benchmarks),
    phases: joined.attribution?.phases ?? null,
    request_energy: joined.attribution?.requestEnergy ?? null,
    attribution_reason: joined.reason,
    requests_path: isKept ? await writeRequests(dir, joined, problems) : null,
  }
}

type Own = 'name' | 'requests' | 'failed' | 'input_tokens' | 'output_tokens' | 'tokens_reason' | 'own'

function ownOf(benchmark: ForeignBenchmark): Pick<Attached['benchmarks'][number], Own> {
  const { name, requests, failed, inputTokens, outputTokens, tokensReason, own } = benchmark
  return {
    ...{ name, requests, failed, input_tokens: inputTokens, output_tokens: outputTokens },
    ...{ tokens_reason: tokensReason, own },
  }
}

interface Found extends ForeignResult {
  tool: Tool | null
  reason: string | null
  sources: string[]
  /** Where the benchmarks are on the clock already, by when they were printed. */
  placed?: Placed[]
}

async function foundResult(
  { args, printed, begin, result }: RanBenchmark,
  problems: Problems,
): Promise<Found> {
  const named = toolOf(args)
  const text = printed?.text ?? ''
  if (printed !== null && whoseHead(text.slice(0, 64 * 1024))?.tool === 'llama-bench')
    return printedTests(printed, text, args, result, problems)
  const { files, problems: unread } = findResults(args, begin.wallNs / 1e6)
  for (const each of unread) problems.add('looking for results', each)
  const tool = named ?? files[0]?.tool ?? null
  const own = files.filter((file) => file.tool === tool)
  const none = { version: null, benchmarks: [], sources: [] }
  if (tool === null) return { ...none, tool, reason: 'no result of a benchmark that llem knows was written' }
  if (own.length === 0) return { ...none, tool, reason: whyNone(tool, result) }
  const read = await readResults(tool, own, args, problems)
  const sources = own.map(({ path }: FoundFile) => path)
  const reason = read.benchmarks.length === 0 ? 'what it wrote could not be read' : null
  return { ...read, tool, reason, sources }
}

const ADVICE: Record<Tool, string> = {
  aiperf: 'its artifact folder has to be in the folder in which it runs, or be named by --artifact-dir',
  guidellm: 'let it write JSON, as with --output-path benchmarks.json',
  'llama-bench': 'let it print with -o jsonl, json or md',
  'lm-eval': 'add --output_path FOLDER',
  'trtllm-bench': 'add --report_json FILE and --request_json FILE',
  'vllm-bench': 'add --save-result, and --save-detailed for the joules of each request',
}

function whyNone(tool: Tool, { exit_code }: ExecResult): string {
  const failed = exit_code === 0 ? '' : `, and ended with exit code ${exit_code}`
  return `${tool} wrote no result that was found${failed}: ${ADVICE[tool]}`
}

/** Each test ended when it was printed, and began as much before as its repetitions took. */
function printedTests(
  printed: Printed,
  text: string,
  args: readonly string[],
  { energy }: ExecResult,
  problems: Problems,
): Found {
  const { version, tests } = readLlamaBench(text, 'stdout', args, problems)
  if (printed.wasCut) problems.add('stdout', 'it is longer than what is kept, so its end is not read')
  const startNs = energy?.window.start_ns ?? null
  const placed = tests.map(({ endsAt, lastNs, placed: count, repetitions }): Placed => {
    const endNs = printed.cameAt(endsAt)
    const nowhere = (reason: string): Placed => ({ span: null, clock: null, reason, share: 1 })
    if (startNs === null) return nowhere('nothing was measured')
    if (endNs === null || lastNs === null) return nowhere('how long it took is not known')
    if (endNs - lastNs < startNs) return nowhere('it says that it took longer than the command ran')
    const span = { clock: 'monotonic' as const, startNs: endNs - lastNs, endNs }
    return { span, clock: 'output', reason: null, share: count / repetitions }
  })
  return {
    ...{ tool: 'llama-bench', version, reason: tests.length === 0 ? 'it printed no test' : null },
    ...{ sources: ['stdout'], benchmarks: tests.map(({ benchmark }) => benchmark), placed },
  }
}

/** A line for each request, as in the folder of `llem run`; null where there is none to write. */
async function writeRequests(
  dir: string,
  { lines, attribution }: JoinedRequests,
  problems: Problems,
): Promise<string | null> {
  if (lines === null) return null
  const joules = (index: number) => {
    const value = attribution?.energies[index] ?? Number.NaN
    return Number.isNaN(value) ? null : value
  }
  const text = lines.map((line, index) => `${maskedJson({ ...line, energy_j: joules(index) })}\n`)
  try {
    await writeBytesAtomically(join(dir, 'requests.jsonl'), text.join(''))
    return 'requests.jsonl'
  } catch (error) {
    problems.add('requests.jsonl', messageOf(error))
    return null
  }
}
