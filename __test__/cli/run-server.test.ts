// `llem run` against the real llama-server: started by llem, and running already.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, type TestContext, vi } from 'vitest'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import {
  BUILD_TIMEOUT_MS,
  llamaServer,
  llamaServerCommand,
  type RunningServer,
  startLlamaServer,
} from '../backends/llama-server.js'
import { endsWithin, isRunning, within } from '../backends/processes.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { llem } from '../native/llem.js'
import { COMMIT, sha256, startHub } from '../registry/hub-double.js'
import { atNight, byDay } from '../setup/at-night.js'
import {
  childrenOf,
  filesIn,
  jsonIn,
  measured,
  model,
  pathIn,
  resultIn,
  run,
  startRun,
  workerOf,
} from './experiment.js'

vi.setConfig({ testTimeout: 60_000 })

/** Where it is, or why there is none. */
let built: Awaited<ReturnType<typeof llamaServer>>
let attached: RunningServer | null = null

beforeAll(async () => {
  built = await llamaServer()
  if (built.path !== null) attached = await startLlamaServer(built.path, model)
}, BUILD_TIMEOUT_MS)

afterAll(() => attached?.end())

function path(context: TestContext): string {
  if (built.path === null) context.skip(`no llama-server: ${built.reason}`)
  return built.path ?? ''
}

/** Settings that make llem start it. */
function started(context: TestContext, ...more: string[]): string[] {
  return ['backend=server', `server.command=${JSON.stringify(llamaServerCommand(path(context), ...more))}`]
}

/** Settings that make llem use the one that runs. */
function running(context: TestContext): string[] {
  path(context)
  return ['backend=server', `server.base_url=${attached?.baseUrl}`]
}

const LENGTHS = ['generation.max_tokens=24', 'generation.ignore_eos=true', 'n_prompts=12']
/** About a minute of inference. */
const LONG = [
  'generation.max_tokens=1000',
  'generation.ignore_eos=true',
  'n_prompts=500',
  'load.concurrency=4',
]

interface RequestLine {
  index: number
  input_tokens: number
  output_tokens: number
  start_ns: number
  end_ns: number
  scheduled_ns: number | null
}

function requestsIn(outputDir: string): RequestLine[] {
  const lines = readFileSync(pathIn(outputDir, 'requests.jsonl'), 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line))
}

async function tokensOf(text: string): Promise<number> {
  const body = JSON.stringify({ content: text, add_special: true, parse_special: false })
  const answer = await fetch(`${attached?.baseUrl}/tokenize`, { method: 'POST', body })
  return ((await answer.json()) as { tokens: number[] }).tokens.length
}

describe('a server that llem starts', () => {
  it('is loaded as asked for, measured, told of in the result, and gone afterwards', async (context) => {
    const sets = [...started(context), ...LENGTHS, 'load.concurrency=4']
    const { code, stdout, outputDir } = await run(['--simulate'], sets)
    expect(code).toBe(0)
    const result = resultIn(outputDir)
    expect(result).toMatchObject({
      backend: 'server',
      output_tokens: 12 * 24,
      energy: { duration_sec: expect.any(Number) },
      flops: { method: 'palm_formula' },
      serving: {
        load: { concurrency: 4, request_rate: null },
        requests: { ok: 12, failed: 0, timed_out: 0, retried: 0 },
        max_in_flight: 4,
        send_delay_ms: null,
        token_source: 'usage',
      },
    })
    const [worker] = result.process_results
    expect(worker).toMatchObject({ versions: { 'llama-server': expect.stringMatching(/^b\d+/) } })
    expect(worker?.memory?.rss_bytes).toBeGreaterThan(10e6)
    expect(isRunning(Number(worker?.pid))).toBe(false)
    expect(stdout).toMatch(/\n {2}Load +4 in flight: 12 requests\n/)
  })

  atNight('is driven by an open loop at the moments of a schedule that the seed gives', async (context) => {
    const sets = [...started(context), ...LENGTHS, 'load.request_rate=40', 'load.seed=3']
    const schedules: number[][] = []
    for (const _ of [1, 2]) {
      const { outputDir } = await run([], [...sets, 'energy.backend=null'])
      const lines = requestsIn(outputDir).sort((a, b) => a.index - b.index)
      const first = Number(lines[0]?.scheduled_ns)
      schedules.push(lines.map(({ scheduled_ns }) => Math.round((Number(scheduled_ns) - first) / 1000)))
      for (const { scheduled_ns, start_ns } of lines)
        expect(start_ns).toBeGreaterThanOrEqual(Number(scheduled_ns))
      const { serving } = resultIn(outputDir)
      expect(serving?.send_delay_ms).toMatchObject({ count: 12 })
      expect(serving?.e2e_from_schedule_ms?.mean).toBeGreaterThan(Number(serving?.send_delay_ms?.mean))
    }
    expect(schedules[0]).toEqual(schedules[1])
    expect(new Set(schedules[0]).size).toBe(12)
  })

  it('that ends while it loads is an error with its last words', async (context) => {
    const command = llamaServerCommand(path(context)).map((part) => part.replace('{model}', '/nowhere.gguf'))
    const { code, stderr, outputDir } = await run(
      [],
      ['backend=server', `server.command=${JSON.stringify(command)}`],
    )
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /\nllem: llama-server exited with code 1 before it was ready\. Its last words: .*nowhere\.gguf.* \[SERVER_EXITED\]\n$/,
    )
    expect(filesIn(outputDir)).toEqual([])
  })

  it('that does not become ready is given up, told about meanwhile, and ended', async () => {
    const command = ['server.command=["sleep", "0{port}"]', 'backend=server', 'load_timeout_sec=1.5']
    const { child, ended } = startRun([], command)
    let servers: number[] = []
    expect(
      await within(30_000, () => {
        servers = workersChildren(child.pid)
        return servers.length > 0
      }),
    ).toBe(true)
    const { code, stderr } = await ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/sleep was not ready within 1\.5 s.*load_timeout_sec.* \[SERVER_NOT_READY\]\n$/)
    for (const server of servers) expect(isRunning(server)).toBe(false)
  })

  it('that does not exist is named', async () => {
    const { code, stderr } = await run([], ['backend=server', 'server.command=["/nowhere/serve", "{port}"]'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/\/nowhere\/serve could not be started \(there is no such program/)
  })

  it('and dies in the measurement ends the run with its last words, and keeps what was measured', async (context) => {
    const { child, ended, outputDir } = startRun(['--simulate'], [...started(context), ...LONG])
    await measured(outputDir, 3)
    const [server] = workersChildren(child.pid)
    process.kill(Number(server), 'SIGKILL')
    const { code, stderr } = await ended
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /\nllem: llama-server was killed by SIGKILL while it was needed\. Its last words: .* \[SERVER_DIED\]\n$/,
    )
    expect(filesIn(outputDir)).toEqual([
      ['incomplete.json', 'requests.jsonl', 'samples.parquet', 'timeseries.parquet'],
    ])
    expect(jsonIn(outputDir, 'incomplete.json')).toMatchObject({ status: 'failed' })
  })

  atNight('and dies in the warmup is told once', async (context) => {
    const warmup = ['warmup.max_prompts=200', 'warmup.cv_threshold=0']
    const { child, ended, says } = startRun([], [...started(context), ...LONG, ...warmup])
    await says('Warmup: up to 200 prompts')
    process.kill(Number(workersChildren(child.pid)[0]), 'SIGKILL')
    const { code, stderr } = await ended
    expect(code).toBe(1)
    expect(stderr.match(/\[SERVER_DIED\]/g)).toHaveLength(1)
    expect(stderr.match(/while it was needed/g)?.length).toBeLessThan(3)
  })
})

describe('the backends that know their server', () => {
  /**
   * A program of that name that takes the arguments which the vendor documents, and is llama-server: neither vLLM nor
   * TensorRT-LLM can be had on a machine without a GPU.
   */
  function standIn(context: TestContext, name: string, model: string, listening: string): NodeJS.ProcessEnv {
    const bin = join(scratchFolder(), 'bin')
    mkdirSync(bin)
    const script = `#!/bin/sh\nexec '${path(context)}' -m ${model} ${listening} -c 8192 -np 4 -t 1 --no-ui\n`
    writeFileSync(join(bin, name), script, { mode: 0o755 })
    const info = join(bin, '../lib/python3.12/site-packages', `${name.replace('-', '_')}-1.2.3.dist-info`)
    mkdirSync(info, { recursive: true })
    return { PATH: `${bin}:${process.env.PATH}` }
  }

  it.for(
    byDay(1, [
      // vllm serve MODEL --host H --port P; https://docs.vllm.ai/en/latest/cli/serve.html
      ['vllm', 'vllm', '"$2"', '"$3" "$4" "$5" "$6"'],
      // trtllm-serve MODEL --host H --port P; https://nvidia.github.io/TensorRT-LLM/commands/trtllm-serve/
      ['tensorrt', 'trtllm-serve', '"$1"', '"$2" "$3" "$4" "$5"'],
    ] as const),
  )('%s starts %s from PATH and is told of as itself', async ([backend, name, model, rest], context) => {
    const env = standIn(context, name, model, rest)
    const sets = [`backend=${backend}`, ...LENGTHS, 'load.concurrency=2', 'energy.backend=null']
    const { code, outputDir } = await run([], sets, env)
    expect(code).toBe(0)
    const result = resultIn(outputDir)
    expect(result).toMatchObject({ backend, output_tokens: 12 * 24, serving: { requests: { ok: 12 } } })
    expect(result.process_results[0]).toMatchObject({ backend, compute: 'server' })
  })

  it('are named where they are missing, with how to get them, and listed where they are not', async (context) => {
    const missing = await run([], ['backend=vllm'])
    expect(missing.code).toBe(2)
    expect(missing.stderr).toMatch(
      /there is no vllm on PATH\. Run `pip install vllm` .* \[BACKEND_NOT_INSTALLED\]\n$/,
    )
    const env = standIn(context, 'vllm', '', '')
    const { stdout } = await llem(['backend', 'list', '--json'], { env })
    const rows = JSON.parse(stdout) as { name: string }[]
    expect(rows.find(({ name }) => name === 'vllm')).toMatchObject({
      installed: true,
      version: '1.2.3',
      problem: null,
    })
  })
})

describe('the real llama-server by its name', () => {
  atNight('is started with a model that is fetched by its name', async (context) => {
    const folder = join(path(context), '..')
    const content = readFileSync(model)
    const hub = await startHub({ 'o/tiny-GGUF': { files: { 'tiny-F16.gguf': content }, commit: COMMIT } })
    try {
      const sets = [
        ...LENGTHS,
        'llama-server.parallel=2',
        'llama-server.ctx_size=2048',
        'llama-server.threads=1',
      ]
      const { code, stderr, outputDir } = await run(
        ['--simulate', '-b', 'llama-server', '-m', 'hf:o/tiny-GGUF:f16'],
        [...sets, 'load.concurrency=2'],
        { PATH: `${folder}:${process.env.PATH}`, HF_ENDPOINT: hub.address, HF_HOME: scratchFolder() },
      )
      expect({ code, stderr }).toMatchObject({ code: 0 })
      const result = resultIn(outputDir)
      expect(result).toMatchObject({
        ...{ backend: 'llama-server', model: 'hf:o/tiny-GGUF:f16', output_tokens: 12 * 24 },
        flops: { method: 'palm_formula' },
        identity: {
          observed: {
            engine: 'llamacpp',
            engine_version: expect.stringMatching(/^b\d+/),
            context_size: 1024,
          },
          source: { repository: 'o/tiny-GGUF', commit: COMMIT, files: [{ sha256: sha256(content) }] },
        },
      })
    } finally {
      await hub.close()
    }
  })

  it('that runs already is listed with it, measured by it, and refused by another', async (context) => {
    path(context)
    const address = attached?.baseUrl ?? ''
    const found = JSON.parse((await llem(['servers', address, '--json'])).stdout)
    expect(found).toMatchObject([{ engine: 'llamacpp', backend: 'llama-server' }])
    const own = await run(['-b', 'llama-server'], [...LENGTHS, `llama-server.base_url=${address}`])
    expect(own.code).toBe(0)
    expect(resultIn(own.outputDir)).toMatchObject({ backend: 'llama-server', output_tokens: 12 * 24 })
    const other = await run(['-b', 'ollama'], [`ollama.base_url=${address}`])
    expect(other.code).toBe(2)
    expect(other.stderr).toContain(`Use -b llama-server --set llama-server.base_url=${address}`)
  })
})

describe('whoever ends llem ends the server', () => {
  /** The server is gone within 5 s, and so is the worker. */
  async function allGone(pids: readonly number[]): Promise<void> {
    for (const pid of pids) expect(await endsWithin(pid, 5000)).toBe(true)
  }

  it.for(
    byDay(1, [
      ['in the measurement', 'run'],
      ['in the warmup', 'warmup'],
      ['while it loads', 'load'],
    ] as const),
  )('Ctrl-C %s ends with 130', async ([, phase], context) => {
    const sets =
      phase === 'load' ? ['backend=server', 'server.command=["sleep", "0{port}"]'] : started(context)
    const warmup = phase === 'warmup' ? ['warmup.max_prompts=200', 'warmup.cv_threshold=0'] : []
    const { child, ended, outputDir, says } = startRun([], [...sets, ...LONG, ...warmup])
    if (phase === 'load') expect(await within(30_000, () => workersChildren(child.pid).length > 0)).toBe(true)
    if (phase === 'warmup') await says('Warmup: up to 200 prompts')
    if (phase === 'run') await measured(outputDir, 3)
    await sleep(100)
    const processes = [workerOf(child), ...workersChildren(child.pid)]
    expect(processes.length).toBe(2)
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    await allGone(processes)
  })

  atNight('Ctrl-C ends what the server has put into another process group too', async () => {
    const script = join(scratchFolder(), 'serve')
    writeFileSync(script, '#!/bin/sh\nsetsid sleep 611 &\nexec sleep "6$1"\n', { mode: 0o755 })
    const { child, ended } = startRun([], ['backend=server', `server.command=["${script}", "{port}"]`])
    const engines = () => workersChildren(child.pid).flatMap((server) => childrenOf(server))
    expect(await within(30_000, () => engines().length > 0)).toBe(true)
    await sleep(300) // It has left the group.
    const processes = [...workersChildren(child.pid), ...engines()]
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    await allGone(processes)
  })

  it('SIGKILL of llem itself leaves no server', async (context) => {
    const { child, ended, outputDir } = startRun([], [...started(context), ...LONG])
    await measured(outputDir, 3)
    const processes = [workerOf(child), ...workersChildren(child.pid)]
    child.kill('SIGKILL')
    await ended
    await allGone(processes)
  })

  atNight('SIGKILL of the worker leaves no server', async (context) => {
    const { child, ended, outputDir } = startRun([], [...started(context), ...LONG])
    await measured(outputDir, 3)
    const servers = workersChildren(child.pid)
    process.kill(workerOf(child), 'SIGKILL')
    expect((await ended).code).toBe(1)
    await allGone(servers)
  })
})

describe('a server that runs already', () => {
  it('is measured, is out of reach for memory and pid, and runs on', async (context) => {
    const sets = [...running(context), ...LENGTHS, 'load.concurrency=2']
    const { code, outputDir } = await run(['--simulate'], sets)
    expect(code).toBe(0)
    const [worker] = resultIn(outputDir).process_results
    expect(worker).toMatchObject({
      pid: null,
      memory: { rss_bytes: null, vram_bytes: null },
      gpu_uuids: null,
    })
    expect((await fetch(`${attached?.baseUrl}/health`)).status).toBe(200)
  })

  it('gets the prompts as they are: it counts as many tokens as its own /tokenize', async (context) => {
    const prompts = ['a lazy dog', 'ZZZZ', 'É and a longer text, with a comma', 'x'].map((text) => ({ text }))
    const file = join(scratchFolder(), 'prompts.jsonl')
    writeFileSync(file, prompts.map(({ text }) => `${JSON.stringify({ prompt: text })}\n`).join(''))
    const sets = [...running(context), ...LENGTHS, 'n_prompts=4', `prompts=${file}`, 'energy.backend=null']
    const { outputDir } = await run([], sets)
    const lines = requestsIn(outputDir).sort((a, b) => a.index - b.index)
    const counted = await Promise.all(prompts.map(({ text }) => tokensOf(text)))
    expect(lines.map(({ input_tokens }) => input_tokens)).toEqual(counted)
    expect(lines.map(({ output_tokens }) => output_tokens)).toEqual([24, 24, 24, 24])
  })

  atNight('gets synthetic prompts of exactly the length asked for', async (context) => {
    const prompts = 'prompts={synthetic: {input_len: 37, output_len: 11}}'
    const sets = [...running(context), prompts, 'n_prompts=6', 'load.concurrency=3', 'energy.backend=null']
    const { outputDir } = await run([], sets)
    for (const line of requestsIn(outputDir))
      expect(line).toMatchObject({ input_tokens: 37, output_tokens: 11 })
  })

  atNight(
    'is asked over its chat endpoint, where lengths cannot be forced and a warning says so',
    async (context) => {
      const prompts = 'prompts={synthetic: {input_len: 37, output_len: 11}}'
      const sets = [
        ...running(context),
        'server.endpoint=chat',
        prompts,
        'n_prompts=3',
        'energy.backend=null',
      ]
      const { outputDir } = await run([], sets)
      const { measurement_warnings, output_tokens, input_tokens } = resultIn(outputDir)
      expect(output_tokens).toBe(33)
      expect(input_tokens).toBeGreaterThan(3 * 37)
      expect(measurement_warnings).toContainEqual(
        expect.stringMatching(/^prompt_length_not_forced: 3 prompts .*chat/),
      )
    },
  )

  it('that is not there is told within its 10 s', async () => {
    const { code, stderr } = await run([], ['backend=server', 'server.base_url=http://127.0.0.1:9'])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /does not answer at http:\/\/127\.0\.0\.1:9: .*ECONNREFUSED.* \[SERVER_UNREACHABLE\]\n$/,
    )
  })

  it('that serves no such model names those it serves', async (context) => {
    const { code, stderr } = await run([], [...running(context), 'server.model=other'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/does not serve "other".*tiny\.gguf.* \[MODEL_NOT_SERVED\]\n$/)
  })
})

describe('an API key', () => {
  const KEY = 'sk-llem-test-3f9d1c7a5b'

  it('opens the server and is nowhere in what llem writes', async (context) => {
    const sets = [...started(context), ...LENGTHS, 'server.api_key_env=LLAMA_API_KEY']
    const { code, stdout, stderr, outputDir } = await run(['-v', '--simulate'], sets, { LLAMA_API_KEY: KEY })
    expect(code).toBe(0)
    const dir = join(outputDir, String(readdirSync(outputDir)[0]))
    const texts = readdirSync(dir).map((name) => readFileSync(join(dir, name), 'latin1'))
    expect(texts.length).toBeGreaterThan(2)
    for (const text of [stdout, stderr, ...texts]) expect(text).not.toContain(KEY)
    const config = resultIn(outputDir).effective_config as { server: { api_key_env: string } }
    expect(config.server.api_key_env).toBe('LLAMA_API_KEY')
  })

  it('that is missing is told before a server is started', async (context) => {
    const { code, stderr } = await run([], [...started(context), 'server.api_key_env=NO_SUCH_KEY'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/NO_SUCH_KEY is not set.* \[OPTIONS_INVALID\]\n$/)
  })

  it('that is wrong is told with what the server says', async (context) => {
    const env = { LLAMA_API_KEY: KEY, WRONG_KEY: 'sk-wrong' }
    const { code, stderr } = await run([], [...started(context), 'server.api_key_env=WRONG_KEY'], env)
    expect(code).toBe(1)
    expect(stderr).toMatch(/\[(SERVER_REFUSES|REQUESTS_FAILED)\]\n$/)
    expect(stderr).not.toContain(KEY)
  })
})

describe('a steady state', () => {
  it('lies within the run, and holds the tokens that came in it', async (context) => {
    const sets = [...running(context), 'generation.max_tokens=200', 'generation.ignore_eos=true']
    const { outputDir } = await run(
      [],
      [...sets, 'n_prompts=24', 'load.concurrency=4', 'energy.backend=null'],
    )
    const { serving, process_results, output_tokens }: ExperimentResult = resultIn(outputDir)
    const [worker] = process_results
    const steady = serving?.steady
    expect(steady?.start_ns).toBeGreaterThan(Number(worker?.start_ns))
    expect(steady?.end_ns).toBeLessThan(Number(worker?.end_ns))
    expect(steady?.output_tokens).toBeGreaterThan(0.5 * output_tokens)
    expect(steady?.output_tokens).toBeLessThan(output_tokens)
    // What the lines tell, spread evenly over each request's life, is about the same.
    const within = requestsIn(outputDir).map(({ start_ns, end_ns, output_tokens: tokens }) => {
      const overlap = Math.min(end_ns, Number(steady?.end_ns)) - Math.max(start_ns, Number(steady?.start_ns))
      return (Math.max(0, overlap) / (end_ns - start_ns)) * tokens
    })
    const about = within.reduce((sum, tokens) => sum + tokens, 0)
    expect(Math.abs(Number(steady?.output_tokens) - about)).toBeLessThan(0.1 * about)
  })

  it('of too few requests is null with the reason', async (context) => {
    // Of answers that last a few milliseconds a busy machine sees no token come.
    const sets = [...running(context), 'generation.max_tokens=200', 'generation.ignore_eos=true']
    const { outputDir } = await run([], [...sets, 'n_prompts=2', 'load.concurrency=4', 'energy.backend=null'])
    expect(resultIn(outputDir).serving).toMatchObject({
      steady: null,
      steady_reason: 'there was never a moment with 4 requests under way and more to send',
    })
  })
})

/** What the worker of a running llem has started: the server. */
function workersChildren(llem: number | undefined): number[] {
  try {
    return childrenOf(llem).flatMap((worker) => childrenOf(worker))
  } catch {
    return [] // Not yet, or no longer.
  }
}
