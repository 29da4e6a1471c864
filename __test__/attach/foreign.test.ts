// Results of others may hold anything: it is told where it is wrong, nothing is invented, and nothing crashes.

import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { aiperfBenchmark, aiperfRequest } from '../../dist/attach/aiperf.js'
import { Problems } from '../../dist/attach/benchmark.js'
import { wallClock } from '../../dist/attach/clock.js'
import { type Before, findResults, lookBefore, toolOf, whoseHead } from '../../dist/attach/find-results.js'
import { placedSpan } from '../../dist/attach/join.js'
import { readLlamaBench } from '../../dist/attach/llama-bench.js'
import { readResults } from '../../dist/attach/read-results.js'
import { readVllm } from '../../dist/attach/vllm.js'
import { LIMITS } from '../../dist/core/limits.js'
import { scratchFolder } from '../native/scenario.js'
import { attached } from './attached.js'

vi.setConfig({ testTimeout: 60_000 })

const SUMS = { date: 'd', num_prompts: 2, model_id: 'm', duration: 1.3, completed: 2 }
const DETAILED = {
  ...{ ...SUMS, total_input_tokens: 4, total_output_tokens: 6, start_times: [10, 11], ttfts: [0.1, 0.1] },
  ...{ itls: [[0.2], [0.2]], input_lens: [2, 2], output_lens: [3, 3], errors: ['', ''] },
}

function vllm(content: unknown) {
  const problems = new Problems()
  const result = readVllm(content, 'r.json', problems)
  return { benchmark: result?.benchmarks[0], problems: problems.all() }
}

describe('a number that is none', () => {
  it.for([
    ['negative', -5],
    ['text', '12'],
    ['broken', 1.5],
    ['a list', [1]],
    ['larger than any count', 1e300],
  ] as const)('as %s is unknown, and told with its place', ([, value]) => {
    const { benchmark, problems } = vllm({ ...SUMS, total_input_tokens: 1, total_output_tokens: value })
    expect(benchmark).toMatchObject({ inputTokens: 1, outputTokens: null })
    expect(benchmark?.tokensReason).not.toBeNull()
    expect(problems).toEqual([`r.json: total_output_tokens: ${JSON.stringify(value)} is no count`])
  })

  it('is told each, and no more than can be read', () => {
    const many = Array(1000).fill(-1)
    const { benchmark, problems } = vllm({
      ...{ ...DETAILED, start_times: many, ttfts: many, itls: many, input_lens: many, output_lens: many },
    })
    expect(benchmark?.timed).toBeNull()
    expect(problems).toHaveLength(51)
    expect(problems[50]).toMatch(/^and \d+ more$/)
  })
})

describe('lists of requests', () => {
  it('become times where they are whole', () => {
    const { benchmark, problems } = vllm(DETAILED)
    expect(problems).toEqual([])
    expect(benchmark?.timed?.map(({ start_ns, end_ns }) => [start_ns, Math.round(end_ns)])).toEqual([
      [10e9, 10.3e9],
      [11e9, 11.3e9],
    ])
  })

  it('without a count of tokens have times, and no count', () => {
    const { benchmark, problems } = vllm({ ...DETAILED, output_lens: [null, 'x'] })
    expect(benchmark?.timed?.map(({ output_tokens }) => output_tokens)).toEqual([null, null])
    expect(problems).toEqual(['r.json: output_lens[1]: "x" is no count'])
  })

  it('of unequal lengths are not joined', () => {
    const { benchmark, problems } = vllm({ ...DETAILED, ttfts: [0.1] })
    expect(benchmark).toMatchObject({ timed: null, span: null, outputTokens: 6 })
    expect(problems).toEqual(['r.json: ttfts have not as many entries as start_times (2)'])
  })
})

describe('a file', () => {
  const read = async (text: string | Buffer) => {
    const path = join(scratchFolder(), 'r.json')
    writeFileSync(path, text)
    const problems = new Problems()
    const result = await readResults(
      'vllm-bench',
      [{ path, tool: 'vllm-bench', part: 'result' }],
      [],
      problems,
    )
    return { benchmarks: result.benchmarks, problems: problems.all() }
  }

  it.for([
    ['cut off', JSON.stringify(DETAILED).slice(0, -40)],
    ['empty', ''],
    ['of bytes', Buffer.from([0xff, 0xfe, 0, 1, 2])],
    ['nested without end', '['.repeat(100_000)],
    ['of too many values', `[${'0,'.repeat(LIMITS.benchmark_values)}0]`],
    ['too long', Buffer.alloc(LIMITS.benchmark_bytes + 1, 0x20)],
    ['no object', '[1, 2]'],
  ] as const)('that is %s is a problem with its name, and no result', async ([, text]) => {
    const { benchmarks, problems } = await read(text)
    expect(benchmarks).toEqual([])
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(/^r\.json: ./)
  })

  it('with the NaN of Python is read, and its NaN is none', async () => {
    const { benchmarks, problems } = await read(
      JSON.stringify(DETAILED).replace('"duration":1.3', '"duration":NaN'),
    )
    expect(problems).toEqual([])
    expect(benchmarks[0]).toMatchObject({ outputTokens: 6, own: {} })
  })

  it('of several runs (--append-result) is read for all of them', async () => {
    const [one, two] = [{ ...SUMS, total_output_tokens: 1 }, DETAILED]
    const { benchmarks, problems } = await read(`${JSON.stringify(one)}\n${JSON.stringify(two)}\n{"cut`)
    expect(benchmarks.map(({ outputTokens }) => outputTokens)).toEqual([1, 6])
    expect(problems).toEqual([expect.stringMatching(/^r\.json:3: /)])
  })
})

describe('a record of AIPerf', () => {
  const metadata = { request_start_ns: 1, request_end_ns: 2, benchmark_phase: 'profiling' }
  it('without tokens is a request without tokens, and their sum is unknown', () => {
    const problems = new Problems()
    const request = aiperfRequest({ metadata, metrics: {} }, 'l:1', problems)
    if (request == null) throw new Error('it was not read')
    expect(request).toMatchObject({ input_tokens: null, output_tokens: null })
    expect(aiperfBenchmark(null, [request], null, problems)).toMatchObject({
      ...{ requests: 1, inputTokens: null, outputTokens: null },
      tokensReason: expect.stringContaining('no tokenizer'),
    })
    expect(problems.all()).toEqual([])
  })

  it('of the warmup is none of the benchmark', () => {
    const warmup = { metadata: { ...metadata, benchmark_phase: 'warmup' } }
    expect(aiperfRequest(warmup, 'l:1', new Problems())).toBeNull()
  })
})

describe('what llama-bench printed', () => {
  const test = (more: object) =>
    JSON.stringify({
      build_commit: 'a',
      n_prompt: 8,
      n_gen: 0,
      test_time: 't',
      samples_ns: [1e6, 2e6],
      ...more,
    })
  const read = (text: string) => {
    const problems = new Problems()
    return { tests: readLlamaBench(text, 'stdout', [], problems).tests, problems: problems.all() }
  }

  it('is read up to where it was cut off', () => {
    const { tests, problems } = read(`[\n${test({})},\n${test({}).slice(0, 30)}`)
    expect(tests).toHaveLength(1)
    expect(problems).toEqual(['stdout: it ends within a test'])
  })

  it('with texts that hold braces is read whole', () => {
    expect(read(`${test({ gpu_info: '} { \\" {' })}\n${test({})}`).tests).toHaveLength(2)
  })

  it('is a problem where its numbers are none', () => {
    const { tests, problems } = read(test({ samples_ns: ['x', -1] }))
    expect(tests[0]?.lastNs).toBeNull()
    expect(problems).toHaveLength(2)
  })
})

describe('looking for results', () => {
  const text = JSON.stringify(DETAILED)

  it('takes what was written during the run, and no link and no file from before', () => {
    const folder = scratchFolder()
    mkdirSync(join(folder, 'deep/er'), { recursive: true })
    writeFileSync(join(folder, 'deep/er/new.json'), text)
    symlinkSync(join(folder, 'deep'), join(folder, 'link'))
    const found = (before: Before) =>
      findResults([`--result-dir=${folder}`], before).files.map(({ path }) => path)
    const none = { sinceMs: Date.now() - 5_000, contents: new Set<string>(), appendable: [] }
    expect(found(none)).toEqual([join(folder, 'deep/er/new.json')])
    expect(found({ ...none, sinceMs: Date.now() + 5_000 })).toEqual([])
    // When it was written goes along where it is moved.
    utimesSync(join(folder, 'deep/er/new.json'), 0, 0)
    expect(found(none)).toEqual([])
  })

  it('takes nothing that was there before, wherever and however new it is', () => {
    const folder = scratchFolder()
    const args = [folder]
    for (const name of ['moved', 'copied', 'touched', 'grown'])
      writeFileSync(join(folder, `${name}.json`), `${text} ${name}`)
    const before = lookBefore(args)
    renameSync(join(folder, 'moved.json'), join(folder, 'to.json'))
    copyFileSync(join(folder, 'copied.json'), join(folder, 'copy.json'))
    const now = new Date()
    for (const name of ['to', 'touched']) utimesSync(join(folder, `${name}.json`), now, now)
    appendFileSync(join(folder, 'grown.json'), `\n${text}`)
    for (const name of ['new', 'again']) writeFileSync(join(folder, `${name}.json`), text)
    const { files } = findResults(args, before)
    expect(files).toHaveLength(2)
    expect(files).toContainEqual(
      expect.objectContaining({ path: join(folder, 'grown.json'), fromByte: `${text} grown`.length }),
    )
  })

  it('looks at the nearest first, and says where it stopped', () => {
    const folder = scratchFolder()
    mkdirSync(join(folder, 'aaa'))
    for (let at = 0; at < 30; at += 1) writeFileSync(join(folder, `aaa/${at}.json`), '{}')
    writeFileSync(join(folder, 'result.json'), text)
    const none = { sinceMs: Date.now() - 5_000, contents: new Set<string>(), appendable: [] }
    const { files, problems } = findResults([folder], none, 10)
    expect(files.map(({ path }) => path)).toEqual([join(folder, 'result.json')])
    expect(problems).toEqual([expect.stringContaining('more than 10 files')])
  })

  it('knows whose a file is by its keys', () => {
    expect(whoseHead(text)?.tool).toBe('vllm-bench')
    expect(whoseHead('{"results": {}}')?.tool).toBe('lm-eval')
    expect(whoseHead('{"name": "package"}')).toBeNull()
  })

  it.for([
    [['vllm', 'bench', 'serve'], 'vllm-bench'],
    [['/opt/bin/llama-bench', '-m', 'x'], 'llama-bench'],
    [['sh', '-c', 'cd x && guidellm benchmark'], 'guidellm'],
    [['python', '-m', 'lm_eval'], 'lm-eval'],
    [['make', 'bench'], null],
  ] as const)('knows the tool of %j', ([args, tool]) => expect(toolOf([...args])).toBe(tool))
})

describe('the clock', () => {
  const begin = { wallNs: 1e18, monotonicNs: 5e9 }
  it('of the wall becomes that of the readings, evenly between both ends', () => {
    const { toMonotonic } = wallClock(begin, { wallNs: 1e18 + 10e9 + 1e6, monotonicNs: 15e9 })
    expect(toMonotonic?.(1e18 + 5e9)).toBeCloseTo(10e9 - 0.5e6, -4)
  })

  it('that was set during the run joins nothing', () => {
    const clock = wallClock(begin, { wallNs: 1e18 + 70e9, monotonicNs: 15e9 })
    expect(clock.toMonotonic).toBeNull()
    expect(clock.reason).toContain('was set by 60000 ms')
  })

  it('of another machine, or another run, joins nothing', () => {
    const { benchmark } = vllm(DETAILED)
    if (benchmark === undefined) throw new Error('it was not read')
    const wall = wallClock(begin, { wallNs: 1e18 + 10e9, monotonicNs: 15e9 })
    expect(placedSpan(benchmark, wall, { start_ns: 9e9, end_ns: 12e9 }).span).not.toBeNull()
    const elsewhere = placedSpan(benchmark, wall, { start_ns: 20e9, end_ns: 30e9 })
    expect(elsewhere).toMatchObject({ span: null, clock: null })
    expect(elsewhere.reason).toContain('outside of the run')
  })
})

describe('llem attach', () => {
  it('passes the exit code on and tells why it found nothing', async () => {
    const { code, result } = await attached(['sh', '-c', 'exit 7'], { cwd: scratchFolder() })
    expect(code).toBe(7)
    expect(result.exit_code).toBe(7)
    expect(result.attached).toMatchObject({ tool: null, benchmarks: [], sources: [] })
    expect(result.attached.reason).toContain('no result of a benchmark')
    expect(result.attached.command.j_per_output_token).toBeNull()
  })

  it('keeps secrets of the command line and of the file out of what it tells', async () => {
    const cwd = scratchFolder()
    const secret = `sk-${'a1b2c3d4'.repeat(5)}`
    const file = JSON.stringify({
      ...SUMS,
      label: secret,
      total_input_tokens: secret,
      total_output_tokens: 3,
    })
    writeFileSync(join(cwd, 'made.txt'), file)
    const { result } = await attached(['cp', 'made.txt', 'r.json'], { cwd })
    expect(result.attached.tool).toBe('vllm-bench')
    expect(JSON.stringify(result)).not.toContain(secret)
    const typed = await attached(['sh', '-c', 'true', '--api-key', secret], { cwd })
    expect(JSON.stringify(typed.result)).not.toContain(secret)
  })

  it('refuses to run nothing, with an example', async () => {
    const { llem } = await import('../native/llem.js')
    const { code, stderr } = await llem(['attach'])
    expect(code).toBe(2)
    expect(stderr).toContain('llem attach -- llama-bench')
  })
})
