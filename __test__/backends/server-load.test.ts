import { describe, expect, it } from 'vitest'
import { ownCommand, portIn, tensorrtCommand, vllmCommand } from '../../dist/backends/server/command-lines.js'
import { Latencies } from '../../dist/backends/server/latencies.js'
import { tensorrt, vllm } from '../../dist/backends/server/options.js'
import { arrivals } from '../../dist/backends/server/schedule.js'
import { SteadyState, type Stream } from '../../dist/backends/server/steady.js'
import { spreadOf } from '../../dist/backends/spread.js'

function first(count: number, options: Parameters<typeof arrivals>[0]): number[] {
  const schedule = arrivals(options)
  return Array.from({ length: count }, () => schedule.next().value)
}

describe('arrivals', () => {
  it('at a constant rate are multiples of its period', () => {
    expect(first(4, { request_rate: 8, arrival: 'constant', seed: 1 })).toEqual([0, 125e6, 250e6, 375e6])
  })

  it('at random have the rate as their mean and gaps as spread as their mean, as a Poisson process has', () => {
    const moments = first(50_001, { request_rate: 100, arrival: 'poisson', seed: 5 })
    const gaps = moments.slice(1).map((moment, i) => moment - Number(moments[i]))
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
    expect(moments[0]).toBe(0)
    expect(Math.abs(mean / 10e6 - 1)).toBeLessThan(0.02)
    expect(Math.abs(deviation / mean - 1)).toBeLessThan(0.02)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0)
  })

  it('are the same for the same seed and others for another', () => {
    const moments = (seed: number) => first(20, { request_rate: 3, arrival: 'poisson', seed })
    expect(moments(7)).toEqual(moments(7))
    expect(moments(7)).not.toEqual(moments(8))
  })
})

describe('latencies in constant memory', () => {
  it('are within 0.1 % of those that keep every time', () => {
    const random = first(20_001, { request_rate: 100, arrival: 'poisson', seed: 2 })
    const times = random.slice(1).map((moment, i) => (moment - Number(random[i])) / 1e6)
    const kept = new Latencies()
    for (const time of times) kept.add(time)
    const [spread, exact] = [kept.spread, spreadOf(times)]
    expect(spread).toMatchObject({ count: 20_000, max: exact?.max })
    for (const key of ['mean', 'p50', 'p95', 'p99'] as const)
      expect(Math.abs(Number(spread?.[key]) / Number(exact?.[key]) - 1)).toBeLessThan(0.001)
  })

  it('of none are null, and of nothing at all 0', () => {
    const none = new Latencies()
    expect(none.spread).toBeNull()
    none.add(0)
    expect(none.spread).toMatchObject({ count: 1, mean: 0, p99: 0, max: 0 })
  })
})

describe('the steady state', () => {
  /** Lets a stream have so many chunks more. */
  function grow(steady: SteadyState, stream: Stream, chunks: number, ns: number): void {
    for (let i = 0; i < chunks; i += 1) {
      stream.chunks += 1
      if (stream.chunks === 1) steady.firstToken(stream, ns)
    }
  }

  it('counts each request between the edges, scaled by its tokens per chunk', () => {
    const steady = new SteadyState(2)
    const [a, b, c]: Stream[] = [{ chunks: 0 }, { chunks: 0 }, { chunks: 0 }]
    if (a === undefined || b === undefined || c === undefined) throw new Error('three streams')
    steady.sent(a)
    steady.sent(b)
    grow(steady, a, 5, 1e9)
    grow(steady, b, 1, 2e9) // The second first token: it begins, with 5 and 1 chunks already there.
    grow(steady, a, 5, 3e9)
    grow(steady, b, 3, 3e9)
    steady.ended(a, 3e9, { output: 20, input: 7 }) // 10 chunks of 2 tokens; 5 of them within.
    steady.sent(c)
    grow(steady, c, 2, 4e9)
    steady.ended(b, 5e9, { output: 4, input: 7 }) // 4 chunks of one token; 3 of them within.
    steady.drains(5e9)
    grow(steady, c, 2, 6e9)
    steady.ended(c, 6e9, { output: 12, input: 9 }) // 4 chunks of 3 tokens; 2 of them within.
    expect(steady.resultUntil(9e9)).toEqual({
      steady: { start_ns: 2e9, end_ns: 5e9, output_tokens: 5 * 2 + 3 + 2 * 3, input_tokens: 9 },
      reason: null,
    })
  })

  it('has no tokens of a request that failed', () => {
    const steady = new SteadyState(1)
    const [a, b]: Stream[] = [{ chunks: 0 }, { chunks: 0 }]
    if (a === undefined || b === undefined) throw new Error('two streams')
    steady.sent(a)
    grow(steady, a, 9, 1e9)
    steady.ended(a, 2e9, null)
    steady.sent(b)
    grow(steady, b, 4, 3e9)
    steady.ended(b, 4e9, { output: 4, input: null })
    steady.drains(4e9)
    expect(steady.resultUntil(9e9).steady).toMatchObject({ output_tokens: 4, input_tokens: null })
  })

  it('ends with the last token of the run, and counts no chunk that came after its edge', () => {
    const steady = new SteadyState(1)
    const [a, b]: Stream[] = [{ chunks: 0 }, { chunks: 9, chunksUntil: (ns) => (ns >= 4e9 ? 9 : 3) }]
    if (a === undefined || b === undefined) throw new Error('two streams')
    steady.sent(a)
    grow(steady, a, 4, 1e9)
    steady.sent(b)
    steady.left(a, 2e9)
    steady.drains(3e9)
    steady.ended(b, 4e9, { output: 9, input: 1 })
    expect(steady.resultUntil(9e9).steady).toMatchObject({ start_ns: 1e9, end_ns: 3e9, output_tokens: 3 })
    expect(steady.resultUntil(2.5e9).steady).toMatchObject({ end_ns: 2.5e9 })
    expect(steady.resultUntil(0.5e9).steady).toBeNull()
  })

  it('that is shorter than three periods of a power sensor is null with the reason', () => {
    const steady = new SteadyState(1)
    const stream: Stream = { chunks: 0 }
    steady.sent(stream)
    grow(steady, stream, 1, 1e9)
    steady.drains(1.2e9)
    expect(steady.resultUntil(9e9)).toEqual({
      steady: null,
      reason: 'the load was steady for 200 ms only, of 300 at least',
    })
  })
})

describe('command lines', () => {
  it('of vllm serve have its options, and the port to be filled in', () => {
    const options = vllm.parse({
      tensor_parallel_size: 2,
      gpu_memory_utilization: 0.8,
      enable_prefix_caching: false,
      args: ['--enforce-eager'],
    })
    expect(vllmCommand('/bin/vllm', 'org/model', options)).toEqual([
      '/bin/vllm',
      'serve',
      'org/model',
      ...['--host', '{host}', '--port', '{port}'],
      ...['--tensor-parallel-size', '2', '--gpu-memory-utilization', '0.8'],
      '--no-enable-prefix-caching',
      '--enforce-eager',
    ])
  })

  it('of vllm serve have any argument by its own name, known or not, in one order', () => {
    const options = vllm.parse({
      some_new_switch: false,
      compilation_config: { level: 3 },
      cuda_graph_sizes: [1, 8],
      enforce_eager: true,
      block_size: 16,
      kv_cache_dtype: null,
    })
    expect(vllmCommand('vllm', 'm', options).slice(7)).toEqual([
      ...['--block-size', '16', '--compilation-config', '{"level":3}', '--cuda-graph-sizes', '1', '8'],
      ...['--enforce-eager', '--no-some-new-switch'],
    ])
  })

  it('of trtllm-serve have them too, as click writes them', () => {
    const options = tensorrt.parse({ pp_size: 2, trust_remote_code: true, enable_chunked_prefill: false })
    expect(tensorrtCommand('trtllm-serve', 'm', options).slice(6)).toEqual([
      ...['--pp_size', '2', '--trust_remote_code'],
    ])
  })

  it('of trtllm-serve have its options, and leave host and port to arguments that name them', () => {
    const args = ['--host=0.0.0.0', '--port', '8123']
    const options = tensorrt.parse({ tp_size: 4, backend: 'pytorch', args })
    expect(tensorrtCommand('trtllm-serve', 'm', options)).toEqual([
      'trtllm-serve',
      'm',
      ...['--backend', 'pytorch', '--tp_size', '4'],
      ...args,
    ])
    expect(portIn(args)).toBe(8123)
    expect(portIn(['--port=77'])).toBe(77)
    expect(portIn(['--ports', '1'])).toBeNull()
  })

  it('of the person put the model in as it is, whatever it looks like', () => {
    expect(ownCommand(['serve', '--model={model}', '{port}'], "a $& b'; rm")).toEqual([
      'serve',
      "--model=a $& b'; rm",
      '{port}',
    ])
  })
})
