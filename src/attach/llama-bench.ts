// What llama-bench prints (tools/llama-bench/llama-bench.cpp): -o json, jsonl or md. It says how long each repetition took, and
// when a test began to the second; each test is printed and flushed when its last repetition has ended, so when the text comes
// out is when the test ended. Repetitions follow one another at once, but for those that fill a context before (-d).

import { shortened } from '../core/foreign-text.js'
import { at, type ForeignBenchmark, type Problems, shortText } from './benchmark.js'

/** A test, and where in the text it ends. */
export interface PrintedTest {
  benchmark: ForeignBenchmark
  model: string | null
  backend: string | null
  /** How long what can be placed on the clock took, ending when the test was printed, nanoseconds. */
  lastNs: number | null
  /** That may be off by this share of itself. */
  lastUncertainty: number
  /** What all repetitions took at least. */
  allNs: number
  /** When it was begun, before its warmup; whole seconds, rounded down; wall clock. */
  begunMs: number | null
  /** How many of its repetitions that is. */
  placed: number
  repetitions: number
  /** Tokens of one repetition. */
  prompt: number
  generated: number
  /** Of the first character after it. */
  endsAt: number
}

/** Repetitions where nothing else is said (-r). */
const USUAL_REPETITIONS = 5

/** The tests of a text, whole or cut off; an empty list where it has none. */
export function readLlamaBench(
  text: string,
  where: string,
  args: readonly string[],
  problems: Problems,
): {
  version: string | null
  tests: PrintedTest[]
} {
  const objects = [...objectsIn(text)]
  if (objects.length === 0) return { version: null, tests: rowsOf(text, where, args, problems) }
  let version: string | null = null
  const tests: PrintedTest[] = []
  for (const [index, { start, end }] of objects.entries()) {
    const place = `${where}: test ${index + 1}`
    let content: unknown
    try {
      content = JSON.parse(text.slice(start, end))
    } catch {
      problems.missing(place, 'it is no JSON')
      continue
    }
    const build = at(content, 'build_number')
    const commit = shortText(at(content, 'build_commit'))
    if (commit !== null) version = typeof build === 'number' ? `b${build} (${commit})` : commit
    const test = testOf(content, place, end, problems)
    if (test !== null) tests.push(test)
  }
  if (/\{[^{}]*$/.test(text)) problems.missing(where, 'it ends within a test')
  else if (/^\s*\[/.test(text) && !/\]\s*$/.test(text))
    problems.missing(where, 'its list of tests has no end')
  return { version, tests }
}

function testOf(content: unknown, where: string, endsAt: number, problems: Problems): PrintedTest | null {
  const prompt = problems.count(at(content, 'n_prompt'), `${where}: n_prompt`)
  const generated = problems.count(at(content, 'n_gen'), `${where}: n_gen`)
  const samples = at(content, 'samples_ns')
  if (prompt === null || generated === null || !Array.isArray(samples) || samples.length === 0) {
    problems.missing(where, 'it has no n_prompt, n_gen or samples_ns')
    return null
  }
  const lengths = samples.map((each, index) => problems.nanoseconds(each, `${where}: samples_ns[${index}]`))
  const depth = problems.count(at(content, 'n_depth'), `${where}: n_depth`) ?? 0
  const speed = at(content, 'avg_ts')
  // Behind a context that was filled before each, only the last one is known to end there.
  const placeable = depth > 0 ? lengths.slice(-1) : lengths
  const whole = placeable.every((each) => each !== null)
  return madeTest({
    ...{ prompt, generated, depth, endsAt, repetitions: samples.length },
    lastNs: whole ? placeable.reduce<number>((sum, each) => sum + (each ?? 0), 0) : null,
    lastUncertainty: 0,
    allNs: lengths.reduce<number>((sum, each) => sum + (each ?? 0), 0),
    begunMs: begunOf(at(content, 'test_time')),
    placed: placeable.length,
    model: shortText(at(content, 'model_type')),
    backend: shortText(at(content, 'backends')),
    own: typeof speed === 'number' && Number.isFinite(speed) ? { avg_ts: speed } : {},
  })
}

function begunOf(time: unknown): number | null {
  const ms = typeof time === 'string' ? Date.parse(time) : Number.NaN
  return Number.isNaN(ms) ? null : ms
}

interface Made extends Omit<PrintedTest, 'benchmark'> {
  depth: number
  own: Record<string, number>
  /** Where how often it was repeated is not known. */
  tokensReason?: string
}

function madeTest({ depth, own, tokensReason, ...test }: Made): PrintedTest {
  const { prompt, generated, repetitions, begunMs } = test
  const tokens = (count: number) => (tokensReason === undefined ? count * repetitions : null)
  return {
    ...test,
    benchmark: {
      name: testName(prompt, generated, depth),
      ...{ requests: null, failed: null, timed: null, span: null, tokensReason: tokensReason ?? null, own },
      ...{ inputTokens: tokens(prompt), outputTokens: tokens(generated) },
      timesReason: null,
      ...(begunMs === null ? {} : { saidMs: [begunMs] }),
    },
  }
}

/** As llama-bench names them in its table. */
function testName(prompt: number, generated: number, depth: number): string {
  const name =
    prompt > 0 && generated > 0 ? `pp${prompt}+tg${generated}` : prompt > 0 ? `pp${prompt}` : `tg${generated}`
  return depth > 0 ? `${name} @ d${depth}` : name
}

/** `| llama 1B | 1 GiB | 1 B | CPU | 2 | pp512 | 123.45 ± 0.67 |`: what a repetition took is of its speed then. */
function rowsOf(text: string, where: string, args: readonly string[], problems: Problems): PrintedTest[] {
  const tests: PrintedTest[] = []
  let head: string[] | null = null
  let endsAt = 0
  for (const line of text.split('\n')) {
    endsAt += line.length + 1
    if (!line.startsWith('|')) continue
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    if (cells.includes('test') && cells.includes('t/s')) head = cells
    else if (head !== null && !/^[\s|:-]+$/.test(line)) {
      const test = rowOf(head, cells, repetitionsOf(args), Math.min(endsAt, text.length))
      if (test === null)
        problems.missing(`${where}: ${shortened(cells.join(' | '), 80)}`, 'it is no row of llama-bench')
      else tests.push(test)
    }
  }
  return tests
}

function rowOf(head: string[], cells: string[], known: number | null, endsAt: number): PrintedTest | null {
  const cell = (name: string) => cells[head.indexOf(name)] ?? ''
  const [, pp, both, tg, d] = /^(?:pp(\d+)(?:\+tg(\d+))?|tg(\d+))(?: @ d(\d+))?$/.exec(cell('test')) ?? []
  const [, mean, spread] = /^([\d.]+)(?: ± ([\d.]+))?$/.exec(cell('t/s')) ?? []
  const [speed, deviation] = [Number(mean ?? Number.NaN), Number(spread ?? Number.NaN)]
  const [prompt, generated, depth] = [Number(pp ?? 0), Number(both ?? tg ?? 0), Number(d ?? 0)]
  if (!(speed > 0) || !(prompt + generated > 0) || prompt + generated > 1e9) return null
  const repetitions = known ?? 1
  const placed = depth > 0 ? 1 : repetitions
  const [shortest, longest] = secondsPerToken(speed, deviation, repetitions, placed)
  const ns = placed * (prompt + generated) * 1e9
  return madeTest({
    ...{ prompt, generated, depth, endsAt, repetitions, placed, begunMs: null },
    lastNs: known === null || !Number.isFinite(longest) ? null : (ns * (shortest + longest)) / 2,
    lastUncertainty: (longest - shortest) / (longest + shortest),
    allNs: shortest * ns,
    model: shortText(cell('model')),
    backend: shortText(cell('backend')),
    own: { 't/s': speed },
    ...(known === null
      ? { tokensReason: 'how often it was repeated is not known: let it print with -o jsonl' }
      : {}),
  })
}

/** Half of the last digit of a speed in the table. */
const ROUNDED = 0.005

/**
 * The mean over the repetitions, or the time of one of them where but one is asked for: at least and at most. The table has
 * the mean of their speeds and how they are spread (k - 1), rounded, and a mean of speeds is not the speed over all. For a
 * given mean and spread the mean of 1/speed is largest where one repetition was slow and the others are equal, and smallest
 * where one was fast. Infinity where one may have been endless.
 */
function secondsPerToken(mean: number, deviation: number, count: number, asked: number): [number, number] {
  const [slow, fast] = [mean - ROUNDED, mean + ROUNDED]
  const spread = count === 1 ? 0 : deviation + ROUNDED
  const outlier = (deviates: number) => (deviates * (count - 1)) / Math.sqrt(count)
  const others = (deviates: number) => deviates / Math.sqrt(count)
  const far = outlier(spread)
  if (!(slow > far)) return [1 / fast, Number.POSITIVE_INFINITY]
  if (asked === 1) return [1 / (fast + far), 1 / (slow - far)]
  const least = count === 1 ? 0 : Math.max(deviation - ROUNDED, 0)
  return [
    (1 / (fast + outlier(least)) + (count - 1) / (fast - others(least))) / count,
    (1 / (slow - far) + (count - 1) / (slow + others(spread))) / count,
  ]
}

/** How often a test is repeated: null where the command line does not tell. */
function repetitionsOf(args: readonly string[]): number | null {
  const words = args.flatMap((arg) => arg.split(/\s+/))
  if (words.filter((word) => PROGRAM.test(word)).length !== 1) return null
  const place = words.findLastIndex((word) => word === '-r' || word === '--repetitions')
  if (place < 0) return USUAL_REPETITIONS
  const value = Number(words[place + 1])
  return Number.isInteger(value) && value > 0 && value < 1e6 ? value : null
}

const PROGRAM = /(^|\/)llama-bench(\.exe)?$/

/** Programs that start another in their own place, or leave its output alone. */
const STARTERS = /(^|\/)(chrt|env|ionice|nice|nohup|numactl|setsid|sudo|taskset|time|timeout)$/
const SHELLS = /(^|\/)(ba|da|k|z)?sh$/

/** Whether what it prints comes to llem as it is printed, and not through a program or a file that may hold it back. */
export function printsStraight(args: readonly string[]): boolean {
  const [program = '', ...rest] = args
  if (PROGRAM.test(program)) return true
  if (STARTERS.test(program)) return rest.some((arg) => PROGRAM.test(arg))
  // `sh -c 'cd x && llama-bench ...'`
  const line = rest.find((arg) => arg.split(/\s+/).some((word) => PROGRAM.test(word)))
  if (!SHELLS.test(program) || !/^-\w*c$/.test(rest[0] ?? '') || line === undefined) return false
  return !/[|<>`]|\$\(/.test(line.replace(/\|\||\d?>&\d|2>\s*\/dev\/null/g, ''))
}

/** The objects of a JSON list or of JSON lines, by their places: also of one that was cut off. */
function* objectsIn(text: string): Generator<{ start: number; end: number }> {
  let depth = 0
  let start = -1
  let inText = false
  for (let place = 0; place < text.length; place += 1) {
    const char = text[place]
    if (inText) {
      if (char === '\\') place += 1
      else if (char === '"') inText = false
    } else if (char === '"' && depth > 0) inText = true
    else if (char === '{') {
      if (depth === 0) start = place
      depth += 1
    } else if (char === '}' && depth > 0) {
      depth -= 1
      if (depth === 0) yield { start, end: place + 1 }
    }
  }
}

/** Whether a text has tests of llama-bench, by what its first ones look like. */
export function isOfLlamaBench(head: string): boolean {
  return /"build_commit"[\s\S]*"test_time"/.test(head) || /^\|[^\n]*\btest\b[^\n]*\bt\/s\b/m.test(head)
}
