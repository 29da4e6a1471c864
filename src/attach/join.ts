// Times of a benchmark -> its place among the readings, and whose the joules there are.

import { type Attribution, attributeEnergy } from '../attribution/of-requests.js'
import { messageOf } from '../core/errors.js'
import type { Attached } from '../results/attached.js'
import type { ExecResult } from '../results/exec.js'
import { type TimedLine, timesOf } from '../results/request-times.js'
import type { ForeignBenchmark, ForeignRequest, ForeignSpan } from './benchmark.js'
import type { WallClock } from './clock.js'

/** Where a benchmark lies on the clock of the readings, or why that is not known. */
export interface Placed {
  span: ForeignSpan | null
  clock: Attached['clock']
  reason: string | null
  /** The share of its tokens that was made there. */
  share: number
  /** How far the length of the span may be off, as a share of it; 0 where that is not said. */
  uncertainty?: number
}

/** Clocks are read at the edges of a run, and a message to the server takes its time. */
const TOLERANCE_NS = 20e6

interface RunWindow {
  start_ns: number
  end_ns: number
}

const OUTSIDE =
  'its times lie outside of the run: they are of another run, or of the clock of another machine'

/** Whether that is why it has no place. */
export function isElsewhere(reason: string | null): boolean {
  return reason === OUTSIDE
}

export function placedSpan(
  { span, timesReason }: ForeignBenchmark,
  wall: WallClock,
  window: RunWindow | null,
): Placed {
  const nowhere = (reason: string): Placed => ({ span: null, clock: null, reason, share: 1 })
  if (window === null) return nowhere('nothing was measured')
  if (span === null) return nowhere(timesReason ?? 'it says no times')
  const moved = movedTo(span.clock, wall)
  if (moved === null) return nowhere(wall.reason ?? 'its clock cannot be joined')
  const [startNs, endNs] = [moved(span.startNs), moved(span.endNs)]
  if (startNs < window.start_ns - TOLERANCE_NS || endNs > window.end_ns + TOLERANCE_NS)
    return nowhere(OUTSIDE)
  if (!(endNs > startNs)) return nowhere('it has no length')
  const within = (ns: number) => Math.round(Math.min(Math.max(ns, window.start_ns), window.end_ns))
  return {
    span: { clock: 'monotonic', startNs: within(startNs), endNs: within(endNs) },
    clock: span.clock,
    reason: null,
    share: 1,
  }
}

function movedTo(clock: ForeignSpan['clock'], { toMonotonic }: WallClock): ((ns: number) => number) | null {
  return clock === 'monotonic' ? (ns) => ns : toMonotonic
}

/** A request of a benchmark on the clock of the readings. */
export interface JoinedLine extends ForeignRequest {
  /** The place of its benchmark, where there are several. */
  benchmark?: number
}

export interface JoinedRequests {
  lines: JoinedLine[] | null
  attribution: Attribution | null
  /** Why there is no attribution; null where there is. */
  reason: string | null
}

/** The requests of all benchmarks, and the joules of each. Always resolves. */
export async function joinRequests(
  benchmarks: readonly ForeignBenchmark[],
  placed: readonly Placed[],
  { result, samplesPath, wall }: { result: ExecResult; samplesPath: string | null; wall: WallClock },
): Promise<JoinedRequests> {
  const none = (reason: string, lines: JoinedLine[] | null = null): JoinedRequests => ({
    lines,
    attribution: null,
    reason,
  })
  if (benchmarks.length === 0) return none('there is no benchmark')
  const missing = benchmarks.flatMap(({ timed, timesReason }, index) => {
    const reason = placed[index]?.reason ?? null
    if (timed !== null && reason === null) return []
    return [reason ?? timesReason ?? 'it tells no requests']
  })
  // A request of which nothing is known would be taken for idle power.
  if (missing.length > 0) return none([...new Set(missing)].join('; '))
  const lines = benchmarks.flatMap(({ timed, span }, index) => {
    const moved = movedTo(span?.clock ?? 'monotonic', wall) ?? ((ns: number) => ns)
    const place = benchmarks.length === 1 ? {} : { benchmark: index }
    return (timed ?? []).map((each: ForeignRequest): JoinedLine => {
      const [start_ns, end_ns] = [Math.round(moved(each.start_ns)), Math.round(moved(each.end_ns))]
      return { ...each, start_ns, end_ns, ...place }
    })
  })
  if (result.energy === null) return none(result.energy_reason ?? 'nothing was measured', lines)
  if (samplesPath === null)
    return none("llem's own sampler, whose readings tell the time of a joule, could read no GPU", lines)
  try {
    const unseen = lines.every(({ ttft_ms }) => ttft_ms == null)
      ? 'the benchmark tells no first tokens, as where answers are not streamed'
      : null
    const { attribution, reason } = await attributeEnergy(
      samplesPath,
      timesOf(lines.map(counted)),
      result.energy,
      unseen,
    )
    return { lines, attribution: attribution === null ? null : withoutCounts(attribution, lines), reason }
  } catch (error) {
    return none(`attributing energy to requests failed: ${messageOf(error)}`, lines)
  }
}

/** The tokens of a phase are not known where those of one of its requests are not. */
function withoutCounts(attribution: Attribution, lines: readonly JoinedLine[]): Attribution {
  const uncounted = lines.filter(
    ({ code, output_tokens }) => code === undefined && output_tokens === null,
  ).length
  const { phases, requestEnergy } = attribution
  if (uncounted === 0) return attribution
  const why = `${uncounted} requests tell no count of output tokens`
  const decodeJ = phases.decode?.energy_j ?? 0
  return {
    ...attribution,
    phases: {
      ...{ ...phases, decode: null, unattributable_j: phases.unattributable_j + decodeJ },
      reason: [phases.reason, why].filter((each) => each !== null).join('; '),
    },
    requestEnergy: { ...requestEnergy, per_output_token_j: null },
  }
}

/** One without a count is in no joules per token, as one without output. */
function counted({ output_tokens, ...line }: JoinedLine): TimedLine {
  return output_tokens === null ? line : { ...line, output_tokens }
}
