// What a benchmark said and what it cost, for people: for llama-bench in a table like its own.

import type { Attached, AttachedBenchmark, Rates } from '../results/attached.js'
import { uncertain } from '../results/uncertain.js'
import { quantity } from './screen.js'
import { columns } from './tables.js'

export function attachedLines(attached: Attached): string[] {
  const { tool, reason, benchmarks, problems } = attached
  const told = problems.map((problem) => `Problem: ${problem}`)
  if (benchmarks.length === 0) return [`Benchmark: unknown, ${reason}`, ...told]
  return [
    '',
    ...(tool === 'llama-bench' ? testTable(benchmarks) : [benchmarkTable(attached)]),
    ...unjoined(attached),
    ...told,
  ]
}

/** Markdown, as llama-bench prints it, to be put beside it. */
function testTable(benchmarks: readonly AttachedBenchmark[]): string[] {
  const rows = benchmarks.map((each) => [
    each.name ?? '-',
    digits(each.own.avg_ts ?? each.own['t/s'] ?? null, 2),
    digits(each.j_per_total_token, 4),
    digits(each.j_per_total_token === null ? null : 1 / each.j_per_total_token, 2),
    digits(each.mean_power_w, 1),
  ])
  const table = [['test', 't/s', 'J/token', 'tokens/J', 'W'], ...rows]
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...table.map((row) => (row[column] ?? '').length), 4),
  )
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join(' | ')} |`
  const rule = `| ${widths.map((width) => `${'-'.repeat(width - 1)}:`).join(' | ')} |`
  return [line(table[0] ?? []), rule, ...rows.map(line)]
}

/** Each benchmark without the start-up of the tool, and below them the whole command. */
function benchmarkTable({ tool, benchmarks, command }: Attached): string {
  const head = [
    tool ?? '',
    'requests',
    'in',
    'out',
    'energy',
    'J/output token',
    'J/token',
    'J/request',
    'duration',
  ]
  const row = (name: string, counts: readonly (number | null)[], rates: Rates) => [
    name,
    ...counts.map((each) => (each === null ? '-' : String(each))),
    uncertain(rates.energy_j, rates.uncertainty_j, 'J'),
    digits(rates.j_per_output_token, 4),
    digits(rates.j_per_total_token, 4),
    digits(rates.j_per_request, 3),
    quantity(rates.duration_s, 's', 2),
  ]
  const rows = benchmarks.map((each) =>
    row(each.name ?? 'benchmark', [each.requests, each.input_tokens, each.output_tokens], each),
  )
  rows.push(row('whole command', [null, null, null], command))
  return columns(head, rows, [1, 2, 3, 4, 5, 6, 7, 8])
}

/** What is not known of them, and why. */
function unjoined({ benchmarks, attribution_reason, tool, phases, command }: Attached): string[] {
  const named = (name: string, whys: readonly (string | null)[]) =>
    whys.flatMap((each) => (each === null ? [] : `${name}: ${each}`))
  const reasons = new Set([
    ...benchmarks.flatMap(({ name, reason, tokens_reason, counts_reason }) =>
      named(name ?? 'benchmark', [reason, tokens_reason, counts_reason]),
    ),
    ...(tool === 'llama-bench' ? [] : named('whole command', [command.counts_reason])),
    ...named('phases', [phases?.reason ?? null]),
  ])
  const perToken = (name: string, joules: number | null | undefined) =>
    joules == null ? [] : [`${name} ${digits(joules, 4)} J/token`]
  const parts = [
    ...perToken('prefill', phases?.prefill?.j_per_input_token),
    ...perToken('decode', phases?.decode?.j_per_output_token),
  ]
  return [
    ...(parts.length === 0 ? [] : [`By phase: ${parts.join(', ')}`]),
    ...[...reasons].map((reason) => `Unknown: ${reason}`),
    ...(attribution_reason === null ||
    tool === 'llama-bench' ||
    benchmarks.some(({ reason }) => reason !== null)
      ? []
      : [`Joules by request unknown: ${attribution_reason}`]),
  ]
}

function digits(value: number | null, places: number): string {
  return value === null ? '-' : value.toFixed(places)
}
