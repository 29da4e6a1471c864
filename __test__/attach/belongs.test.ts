// A joule by token is told where tokens and joules surely belong together, and is null with a reason everywhere else.

import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { whyNone } from '../../dist/attach/advice.js'
import { sharedReasons, whyElsewhere, withoutCopies } from '../../dist/attach/belongs.js'
import { type ForeignBenchmark, Problems } from '../../dist/attach/benchmark.js'
import { readGuidellm } from '../../dist/attach/guidellm.js'
import type { Placed } from '../../dist/attach/join.js'
import { readTrtllm } from '../../dist/attach/trtllm.js'
import { readVllm } from '../../dist/attach/vllm.js'
import type { ExecResult } from '../../dist/results/exec.js'
import { scratchFolder } from '../native/scenario.js'
import { attached, only, WATTS } from './attached.js'

vi.setConfig({ testTimeout: 60_000 })

const S = 1e9

describe('a vLLM file', () => {
  const SUMS = { date: '20261130-120000', num_prompts: 2, model_id: 'm', request_rate: 'inf', failed: 0 }
  const WHOLE = {
    ...{
      ...SUMS,
      duration: 2,
      completed: 2,
      total_input_tokens: 4,
      total_output_tokens: 6,
      errors: ['', ''],
    },
    ...{
      start_times: [10, 11],
      ttfts: [0.5, 0.5],
      itls: [[0.5], [0.5]],
      input_lens: [2, 2],
      output_lens: [3, 3],
    },
  }
  const FAILED = {
    ...{
      ...WHOLE,
      completed: 1,
      failed: 1,
      total_input_tokens: 2,
      total_output_tokens: 3,
      errors: ['', 'boom'],
    },
    ...{ ttfts: [0.5, 0], itls: [[0.5], []], output_lens: [3, 0] },
  }
  const read = (content: unknown) => {
    const problems = new Problems()
    return { benchmark: readVllm(content, 'r.json', problems)?.benchmarks[0], problems: problems.all() }
  }

  it('with a failed request, which has no length, is as long as it says, and whose joules are whose is unknown', () => {
    const { benchmark, problems } = read({ ...FAILED, duration: 31 })
    expect(benchmark).toMatchObject({
      span: { startNs: 10 * S, endNs: 41 * S },
      timed: null,
      energyReason: null,
    })
    expect(benchmark?.timesReason).toContain('1 failed requests have no length')
    expect(problems).toEqual([])
    // The first request is waited for at a finite rate.
    expect(read({ ...FAILED, duration: 31, request_rate: 1 }).benchmark?.energyReason).toContain('no length')
    expect(read({ ...FAILED, duration: undefined }).benchmark?.energyReason).toContain('no duration')
  })

  it('whose duration contradicts its requests is told so, and has no joules where it is shorter', () => {
    const longer = read({ ...WHOLE, duration: 99 })
    expect(longer.problems).toEqual(['r.json: it says that it took 99.00 s, and its requests 2.00 s'])
    expect(longer.benchmark?.span).toMatchObject({ endNs: 12 * S })
    expect(read({ ...WHOLE, duration: 1.5 }).benchmark?.energyReason).toContain('1.50 s')
    expect(read({ ...WHOLE, duration: 2.05 }).problems).toEqual([])
  })

  it('whose sums are not those of its lists says which are used', () => {
    expect(read({ ...WHOLE, total_output_tokens: 999, completed: 1 }).problems).toEqual([
      'r.json: completed is 1, and its lists of requests have 2: 1 is used',
      'r.json: total_output_tokens is 999, and its lists of requests have 6: 999 is used',
    ])
    expect(read(FAILED).problems).toEqual([])
  })

  it('with a time that is no number says where', () => {
    expect(read({ ...WHOLE, start_times: [10, null] }).problems).toEqual([
      'r.json: start_times[1]: it is no number',
    ])
    expect(read({ ...WHOLE, itls: [[0.5], [null]] }).problems).toEqual([
      'r.json: itls[1][0]: it is no time in seconds',
    ])
  })
})

describe('requests of trtllm-bench', () => {
  const request = { num_input_tokens: 5, output_tokens: 7, start_timestamp: 1, end_timestamp: 2 }
  const read = (requests: readonly object[]) =>
    only(readTrtllm(null, { content: requests, where: 'r.json' }, new Problems()).benchmarks)

  it('without a count make the sum unknown, and no zero', () => {
    const { output_tokens, ...uncounted } = request
    expect(output_tokens).toBe(7)
    expect(read([request, uncounted])).toMatchObject({
      ...{ requests: 2, inputTokens: 10, outputTokens: null, tokensReason: expect.any(String) },
    })
  })

  it('that ended in an error are failed ones', () => {
    expect(read([request, { ...request, error_on_output: true, output_tokens: 0 }])).toMatchObject({
      ...{ requests: 1, failed: 1, inputTokens: 5, outputTokens: 7 },
    })
  })
})

describe('requests of guidellm that were not finished', () => {
  const read = (tokens: number | undefined) => {
    const sum = (successful: number) => ({
      successful: { total_sum: successful },
      incomplete: { total_sum: tokens },
    })
    const metrics = {
      request_totals: { successful: 3, errored: 0, incomplete: 1, total: 4 },
      ...{ prompt_token_count: sum(30), output_token_count: sum(60) },
    }
    return only(readGuidellm({ benchmarks: [{ metrics }] }, 'g.json', new Problems()).benchmarks)
  }

  it('are counted, and their tokens with the others', () => {
    expect(read(9)).toMatchObject({
      requests: 3,
      failed: 0,
      incomplete: 1,
      inputTokens: 39,
      outputTokens: 69,
    })
  })

  it.for([0, undefined])('make the tokens unknown where theirs are %j', (tokens) => {
    expect(read(tokens)).toMatchObject({ incomplete: 1, inputTokens: null, outputTokens: null })
    expect(read(tokens).tokensReason).toContain('1 requests that were not finished')
  })
})

describe('a benchmark', () => {
  const none: ForeignBenchmark = {
    ...{ name: null, requests: 2, failed: 0, inputTokens: 4, outputTokens: 6, tokensReason: null },
    ...{ own: { duration: 1.25 }, span: null, timed: null, timesReason: 'no times' },
  }
  const placed = (startS: number, endS: number): Placed => ({
    ...{ span: { clock: 'monotonic', startNs: startS * S, endNs: endS * S }, clock: 'monotonic' },
    ...{ reason: null, share: 1 },
  })
  const nowhere: Placed = { span: null, clock: null, reason: 'no times', share: 1 }

  it('in two files is one', () => {
    expect(withoutCopies([none, { ...none }, { ...none, own: { duration: 1.5 } }])).toHaveLength(2)
  })

  it('beside another has no joules of its own', () => {
    const reasons = sharedReasons([placed(0, 2), placed(1, 3), placed(3, 4)], false)
    expect(reasons.map((each) => each !== null)).toEqual([true, true, false])
    expect(sharedReasons([placed(0, 2), nowhere], false)[0]).toContain('may have run at the same time')
    expect(sharedReasons([placed(0, 2), nowhere], true)).toEqual([null, null])
  })

  it('that was written at another time is of another run', () => {
    const run = { sinceMs: 100_000, untilMs: 110_000 }
    expect(whyElsewhere({ ...none, saidMs: [5e6, 104_000] }, nowhere, run)).toBeNull()
    expect(whyElsewhere({ ...none, saidMs: [5e6, 90_000] }, nowhere, run)).toContain('not in this run')
    expect(whyElsewhere(none, nowhere, run)).toBeNull()
  })
})

describe('advice', () => {
  const ended = (exit_code: number) => ({ exit_code }) as ExecResult
  const serve = ['vllm', 'bench', 'serve']
  it.for([
    [serve, 0, 'add --save-result', null],
    [[...serve, '--save-result'], 0, 'looked for in the folder', 'add --save-result'],
    [[...serve, '--save-result'], 137, 'exit code 137', 'add --save-result'],
    [['vllm', 'bench', 'throughput'], 0, '--output-json', '--save-result'],
  ] as const)('for %j that ended with %d is to %s', ([args, code, said, unsaid]) => {
    const reason = whyNone('vllm-bench', [...args], ended(code), [])
    expect(reason).toContain(said)
    if (unsaid !== null) expect(reason).not.toContain(unsaid)
  })

  it('names a file that was written and is no result', () => {
    expect(whyNone('vllm-bench', serve, ended(0), [{ path: '/x/r.json', isEmpty: true }])).toContain(
      'r.json is empty',
    )
  })
})

describe('llem attach', () => {
  it('divides the joules of a command by all of its results, each once, and by none where one is missing', async () => {
    const cwd = scratchFolder()
    // Two results one after the other in one file, a copy of that file, and how long each took.
    const write = (tokens: number) =>
      `{"date": "d", "num_prompts": 2, "model_id": "m", "duration": 0.${tokens}, "completed": 2, "total_input_tokens": 4, "total_output_tokens": ${tokens}}`
    const script = `sleep .3; echo '${write(15)}' > r.json; echo '${write(25)}' >> r.json; cp r.json latest.json`
    const { result } = await attached(['sh', '-c', script], { cwd })
    const joules = WATTS * (result.energy?.duration_sec ?? Number.NaN)
    expect(result.attached.benchmarks.map(({ output_tokens }) => output_tokens)).toEqual([15, 25])
    expect((result.attached.command.j_per_output_token ?? 0) / (joules / 40)).toBeCloseTo(1, 2)
    // The next run in that folder takes but its own, and one that is cut off makes the sum unknown.
    const more = `mv latest.json old.json; echo '${write(35)}' >> r.json; echo '{"date' > ${join(cwd, 'cut.json')}; sleep .3`
    const next = await attached(['sh', '-c', `${more}; echo '${write(45).slice(0, -9)}' >> r.json`], { cwd })
    expect(only(next.result.attached.benchmarks).output_tokens).toBe(35)
    expect(next.result.attached.command.j_per_output_token).toBeNull()
    expect(next.result.attached.command.counts_reason).toContain('not all of it was read: r.json')
  })

  it('divides nothing of a command that failed, which may have done more than it wrote', async () => {
    const file = '{"date": "d", "num_prompts": 2, "model_id": "m", "total_output_tokens": 15}'
    const { result } = await attached(['sh', '-c', `echo '${file}' > r.json; exit 3`], {
      cwd: scratchFolder(),
    })
    expect(only(result.attached.benchmarks).output_tokens).toBe(15)
    expect(result.attached.command).toMatchObject({
      j_per_output_token: null,
      counts_reason: expect.stringContaining('exit code 3'),
    })
  })
})
