// Like with like: what has to be the same for two numbers to be compared, and what is told where it is not.

import { z } from 'zod'
import type { Energy } from '../results/energy.js'
import type { ExperimentResult } from '../results/experiment.js'
import type { ModelSource } from '../results/identity.js'
import { quotedNumbers } from '../results/quoted.js'
import type { AnyResult } from '../results/read.js'
import { whoseJoules } from '../results/whose.js'
import type { MetricKey } from './metrics.js'

const text = z.string().nullable()

/** What one run says of itself; null is unknown, or has no meaning for it. */
export const factsSchema = z.object({
  /** "run" or "exec". */
  command: z.string(),
  simulated: z.boolean(),
  /** Whose joules they are. */
  domain: text,
  /** The same in words, "CPU package, by RAPL"; null for GPUs. */
  energy_of: text.optional(),
  /** What the joules per output token are of. */
  scope: text,
  /** What counted the output tokens. */
  tokens: text,
  /** SHA-256 of the prompts, in order. */
  workload: text,
  model: text,
  /** The UUIDs of the GPUs, sorted. */
  boards: z.array(z.string()),
  /** The node's name in Slurm. */
  node: text.optional(),
  /** What made the joules of what. */
  estimator: text,
  /** Where the parked level came from, which is taken off for active energy. */
  baseline: text,
  /** Per finished request. */
  mean_output_tokens: z.number().nullable(),
})
export type Facts = z.infer<typeof factsSchema>

/** What is known of a result beside its numbers. */
export function factsOf(result: AnyResult): Facts {
  const { kind: command, content } = result
  const { energy, simulated } = content
  const shared = {
    command,
    simulated,
    domain: energy?.domain ?? null,
    energy_of: whoseJoules(energy),
    boards: (energy?.devices ?? []).map(({ uuid }) => uuid).sort(),
    estimator: energy === null ? null : estimatorOf(energy),
  }
  return result.kind === 'run' ? { ...shared, ...factsOfRun(result.content) } : { ...shared, ...NO_MODEL }
}

const NO_MODEL = {
  ...{ scope: null, tokens: null, workload: null, model: null, baseline: null, mean_output_tokens: null },
}

function factsOfRun(
  result: ExperimentResult,
): Omit<Facts, 'command' | 'simulated' | 'domain' | 'energy_of' | 'boards' | 'estimator'> {
  const { identity, serving, prompts, process_results, energy_breakdown: parts } = result
  const finished = process_results.reduce((sum, { requests }) => sum + requests, 0)
  return {
    scope: quotedNumbers(result).quoted.scope,
    // Whoever runs the model itself counts its own tokens.
    tokens: serving?.token_source ?? 'worker',
    workload: prompts.hash,
    model: weightsOf(identity?.source) ?? identity?.observed.root ?? identity?.observed.model ?? result.model,
    baseline: parts?.parked_source ?? null,
    node: result.environment.node,
    mean_output_tokens: finished > 0 ? result.output_tokens / finished : null,
  }
}

/** The very weights of a model that was asked for by name: the cache that they lie in is another on each machine. */
function weightsOf(source: ModelSource | null | undefined): string | null {
  if (source == null) return null
  const hashes = source.files.flatMap(({ sha256 }) => sha256?.slice(0, 12) ?? [])
  return `${source.repository} (${hashes.length > 0 ? `sha256 ${hashes.join(' ')}` : source.commit})`
}

function estimatorOf({ backend, method, estimator, constants_hash }: Energy): string {
  return [backend, method, estimator, constants_hash?.slice(0, 8)].filter((part) => part != null).join(' ')
}

/** What of the facts is looked at, and what comes of it where it differs. */
interface Rule {
  fact: string
  title: string
  /** "never": not like with like; "unless_allowed": --allow says that it is meant; "told": compared, and said. */
  where_different: 'never' | 'unless_allowed' | 'told'
  /** The metrics that rest on it; absent: all. */
  of?: MetricKey[]
  read: (facts: Facts) => string | null
}

const PER_TOKEN: MetricKey[] = [
  'energy_per_output_token_j',
  'active_energy_per_output_token_j',
  'whole_run_energy_per_output_token_j',
  'output_tokens_per_second',
]

const RULES: readonly Rule[] = [
  { fact: 'command', title: 'the command', where_different: 'never', read: ({ command }) => command },
  {
    ...{ fact: 'simulated', title: 'whether it is simulated', where_different: 'never' },
    read: ({ simulated }) => (simulated ? 'simulated' : 'of hardware'),
  },
  { fact: 'domain', title: 'whose energy it is', where_different: 'never', read: ({ domain }) => domain },
  {
    ...{ fact: 'scope', title: 'what the joules are of', where_different: 'unless_allowed' },
    ...{ of: ['energy_per_output_token_j'], read: ({ scope }) => scope },
  },
  {
    ...{ fact: 'tokens', title: 'what counted the tokens', where_different: 'unless_allowed' },
    ...{ of: PER_TOKEN, read: ({ tokens }) => tokens },
  },
  {
    ...{ fact: 'workload', title: 'the prompts', where_different: 'unless_allowed' },
    read: ({ workload }) => workload?.slice(0, 12) ?? null,
  },
  { fact: 'model', title: 'the model', where_different: 'told', read: ({ model }) => model },
  {
    ...{ fact: 'boards', title: 'the GPUs', where_different: 'told' },
    read: ({ boards }) => boards.join(', ') || null,
  },
  { fact: 'node', title: 'the node', where_different: 'told', read: ({ node }) => node ?? null },
  {
    ...{ fact: 'estimator', title: 'what made the joules', where_different: 'told' },
    read: ({ estimator }) => estimator,
  },
  {
    ...{ fact: 'baseline', title: 'the level that active energy is over', where_different: 'told' },
    ...{ of: ['active_energy_per_output_token_j'], read: ({ baseline }) => baseline },
  },
]

/** Facts whose difference may be meant. */
export const ALLOWABLE = ['scope', 'tokens', 'workload'] as const
export type Allowable = (typeof ALLOWABLE)[number]

/** A fact in which the runs differ. */
export interface Difference {
  fact: string
  title: string
  a: string[]
  b: string[]
  verdict: 'refused' | 'flagged'
  /** The metrics that rest on it; null: all. */
  of: MetricKey[] | null
}

/** Answers differ in length by more than this share where they are told to. */
const LENGTH_SHARE = 0.01

/** In what the runs of two sides differ, from one another and among themselves. */
export function differencesOf(
  a: readonly Facts[],
  b: readonly Facts[],
  allowed: readonly Allowable[] = [],
): Difference[] {
  const found = RULES.flatMap((rule): Difference[] => {
    const [ofA, ofB] = [distinct(a, rule.read), distinct(b, rule.read)]
    if (new Set([...ofA, ...ofB]).size <= 1) return []
    const isRefused =
      rule.where_different === 'never' ||
      (rule.where_different === 'unless_allowed' && !allowed.some((each) => each === rule.fact))
    const { fact, title, of = null } = rule
    return [{ fact, title, a: ofA, b: ofB, verdict: isRefused ? 'refused' : 'flagged', of }]
  })
  return [...found, ...lengthDifference(a, b)]
}

function lengthDifference(a: readonly Facts[], b: readonly Facts[]): Difference[] {
  const [ofA, ofB] = [meanLength(a), meanLength(b)]
  if (ofA === null || ofB === null || Math.abs(ofB / ofA - 1) <= LENGTH_SHARE) return []
  return [
    {
      ...{ fact: 'output_length', title: 'output tokens per request', verdict: 'flagged', of: null },
      ...{ a: [ofA.toPrecision(4)], b: [ofB.toPrecision(4)] },
    },
  ]
}

function meanLength(all: readonly Facts[]): number | null {
  const known = all.flatMap(({ mean_output_tokens: mean }) => mean ?? [])
  const mean = known.reduce((sum, each) => sum + each, 0) / known.length
  return mean > 0 ? mean : null
}

/** The values that are known. */
function distinct(all: readonly Facts[], read: Rule['read']): string[] {
  return [...new Set(all.map(read).filter((value) => value !== null))].sort()
}
