// A benchmark under the meter: its own results, found after it has ended, and the joules of its requests, phases and tokens
// beside them. The joules are those of `llem exec`, and this only divides them.

import { basename, join } from 'node:path'
import { messageOf } from '../core/errors.js'
import { maskedJson } from '../core/secrets.js'
import type { Attached } from '../results/attached.js'
import type { ExecResult } from '../results/exec.js'
import { writeBytesAtomically } from '../results/files.js'
import { whyNone } from './advice.js'
import { sharedReasons, whyElsewhere, withoutCopies } from './belongs.js'
import { type ForeignBenchmark, type ForeignResult, Problems, type Tool } from './benchmark.js'
import { type Anchor, type WallClock, wallClock } from './clock.js'
import { type Before, type FoundFile, findResults, toolOf, whoseHead } from './find-results.js'
import { type JoinedRequests, joinRequests, type Placed, placedSpan } from './join.js'
import type { Printed } from './printed.js'
import { placePrinted } from './printed-tests.js'
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
  /** What lay there before it began. */
  before: Before
  /** The clocks before it began and after it had ended. */
  begin: Anchor
  end: Anchor
}

/** Always resolves: what cannot be read or joined is null with its reason. */
export async function attach(ran: RanBenchmark): Promise<Attached> {
  const { result, dir, isKept, begin, end } = ran
  const problems = new Problems()
  const wall = wallClock(begin, end)
  const found = await foundResult(ran, wall, problems)
  const window = result.energy?.window ?? null
  const samplesPath = result.samples_path === null ? null : join(dir, result.samples_path)
  const { tool, sources, benchmarks } = found
  const placed = benchmarks.map((each, index) => found.placed?.[index] ?? placedSpan(each, wall, window))
  const run = { sinceMs: begin.wallNs / 1e6, untilMs: end.wallNs / 1e6 }
  const elsewhere = benchmarks.flatMap(
    (each, index) => whyElsewhere(each, placed[index] as Placed, run) ?? [],
  )
  const shared = sharedReasons(placed, tool === 'llama-bench')
  const rated: Attached['benchmarks'] = []
  for (const [index, benchmark] of benchmarks.entries()) {
    const place = placed[index] as Placed
    rated.push({
      ...ownOf(benchmark),
      window: place.span === null ? null : { start_ns: place.span.startNs, end_ns: place.span.endNs },
      ...(await spanRates(samplesPath, benchmark, place, shared[index] ?? null, result)),
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
    command: commandRates(result, benchmarks, elsewhere[0] ?? whyNotAll(result, problems)),
    phases: joined.attribution?.phases ?? null,
    request_energy: joined.attribution?.requestEnergy ?? null,
    attribution_reason: joined.reason,
    requests_path: isKept ? await writeRequests(dir, joined, problems) : null,
  }
}

/** Why the results may not be all that the command did; null where they are. */
function whyNotAll({ exit_code }: ExecResult, { firstMissing }: Problems): string | null {
  if (firstMissing !== null) return `not all of it was read: ${firstMissing}`
  return exit_code === 0
    ? null
    : `the command ended with exit code ${exit_code}, and may have done more than its result tells`
}

type Own =
  | 'name'
  | 'requests'
  | 'failed'
  | 'incomplete'
  | 'input_tokens'
  | 'output_tokens'
  | 'tokens_reason'
  | 'own'

function ownOf(benchmark: ForeignBenchmark): Pick<Attached['benchmarks'][number], Own> {
  const {
    name,
    requests,
    failed,
    incomplete = null,
    inputTokens,
    outputTokens,
    tokensReason,
    own,
  } = benchmark
  return {
    ...{ name, requests, failed, incomplete, input_tokens: inputTokens, output_tokens: outputTokens },
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
  { args, printed, before, result }: RanBenchmark,
  wall: WallClock,
  problems: Problems,
): Promise<Found> {
  const named = toolOf(args)
  if (printed !== null && whoseHead(printed.text.slice(0, 64 * 1024))?.tool === 'llama-bench') {
    const { version, tests, placed } = placePrinted(printed, args, result, wall, problems)
    return {
      ...{ tool: 'llama-bench', version, reason: tests.length === 0 ? 'it printed no test' : null },
      ...{ sources: ['stdout'], benchmarks: tests.map(({ benchmark }) => benchmark), placed },
    }
  }
  const { files, others, problems: unread } = findResults(args, before)
  for (const each of unread) problems.missing('looking for results', each)
  const tool = named ?? files[0]?.tool ?? null
  const own = files.filter((file) => file.tool === tool)
  for (const file of files)
    if (file.tool !== tool) problems.missing(basename(file.path), `it is of ${file.tool}, and not read`)
  for (const { path, isEmpty } of others) if (isEmpty) problems.missing(basename(path), 'it is empty')
  const none = { version: null, benchmarks: [], sources: [] }
  if (tool === null) return { ...none, tool, reason: 'no result of a benchmark that llem knows was written' }
  if (own.length === 0) return { ...none, tool, reason: whyNone(tool, args, result, others) }
  const read = await readResults(tool, own, args, problems)
  const sources = own.map(({ path }: FoundFile) => path)
  const reason = read.benchmarks.length === 0 ? 'what it wrote could not be read' : null
  return { ...read, benchmarks: withoutCopies(read.benchmarks), tool, reason, sources }
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
