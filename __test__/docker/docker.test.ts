// Campaigns in the containers of a real engine, with the real workers. One file, so that one engine serves all.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, type TestContext, vi } from 'vitest'
import { chooseExecutor } from '../../dist/executors/choose.js'
import { silentObserver } from '../../dist/progress/observer.js'
import { BUILD_TIMEOUT_MS, llamaServer } from '../backends/llama-server.js'
import { isRunning, within } from '../backends/processes.js'
import { scratchFolder, tinyModel } from '../backends/tiny-model.js'
import { loaded } from '../campaign/written.js'
import { INSTALL_LIMIT_MS, installRealPytorch, testPython, tinyLlama } from '../models/hugging-face.js'
import { gpu, scenarioFile } from '../native/scenario.js'
import { atNight, byDay } from '../setup/at-night.js'
import { type Engine, SPELLINGS, type Spelling, spelled, startEngine } from './engine.js'
import { commandLines, emptyImage, isWrittenIn, mountsFor, type Project, projectOf } from './project.js'

vi.setConfig({ testTimeout: 120_000 })

let engine: Engine | null = null
let missing: string | null = null
const places = {} as Record<Spelling, { env: NodeJS.ProcessEnv | null; reason: string | null }>
let image = ''
let gguf = ''
let folder = ''
let serverPath = ''
let standIns = ''

beforeAll(async () => {
  const server = await llamaServer()
  missing = server.reason ?? (await installRealPytorch())
  if (missing !== null) return
  serverPath = server.path ?? ''
  const started = await startEngine()
  engine = started.engine
  missing = started.reason
  if (engine === null) return
  for (const spelling of SPELLINGS) places[spelling] = await spelled(spelling, engine, scratchFolder())
  image = await emptyImage(engine.env)
  folder = scratchFolder()
  gguf = tinyModel(folder, 'tiny')
  tinyLlama(folder)
  standIns = join(folder, 'bin')
  mkdirSync(standIns)
  // A program of that name that takes the arguments which the vendor documents (vllm serve MODEL --host H --port P), and
  // is llama-server: vLLM needs a GPU.
  const script = `#!/bin/sh\nexec '${serverPath}' -m "$2" "$3" "$4" "$5" "$6" -c 4096 -np 2 -t 1 --no-ui\n`
  writeFileSync(join(standIns, 'vllm'), script, { mode: 0o755 })
}, BUILD_TIMEOUT_MS + INSTALL_LIMIT_MS)

afterAll(async () => {
  // Of an engine that was there before.
  if (engine !== null) spawnSync('docker', ['rmi', image], { env: { ...process.env, ...engine.env } })
  await engine?.stop()
}, 60_000)

const open: Project[] = []
afterEach(async () => {
  for (const project of open.splice(0)) await project.end()
}, 60_000)

/** Skips where there is no engine, or Compose cannot be spelled so. */
function placeOf(context: TestContext, spelling: Spelling = 'docker compose'): NodeJS.ProcessEnv {
  if (missing !== null) context.skip(missing)
  const { env, reason } = places[spelling]
  if (env === null) context.skip(reason ?? '')
  return env ?? {}
}

/** A compose file with services of the empty image; `more` are lines of a service. */
function services(names: Record<string, string[]>): string {
  const volumes = mountsFor(testPython(), folder, join(serverPath, '..'))
  const lines = Object.entries(names).flatMap(([name, more]) => [
    `  ${name}:`,
    `    image: ${image}`,
    '    command: [sleep, infinity]',
    '    stop_grace_period: 0s',
    `    volumes: ${JSON.stringify([...volumes, `${standIns}:/usr/local/bin:ro`])}`,
    ...more.map((line) => `    ${line}`),
  ])
  return `services:\n${lines.join('\n')}\n`
}

function project(
  context: TestContext,
  campaign: string,
  names: Record<string, string[]> = { server: [] },
  spelling: Spelling = 'docker compose',
): Project {
  const env = placeOf(context, spelling)
  const made = projectOf({ campaign, services: services(names) }, { spelling: spelling.split(' '), env })
  open.push(made)
  return made
}

const SHARED = `baseline: { enabled: false }
warmup: { enabled: false }
n_prompts: 2
generation: { max_tokens: 4, ignore_eos: true }
execution: { cycles: 1, config_gap_seconds: 0, cycle_gap_seconds: 0 }
`

/** A campaign on llama-server, with so many experiments. `long`: a minute of inference each. */
function onServer({ experiments = 1, long = false, docker = '', extra = '' } = {}): string {
  const tokens = Array.from({ length: experiments }, (_, index) => index + (long ? 400 : 4))
  const command = `[${serverPath}, -m, "{model}", --host, "{host}", --port, "{port}", -c, "4096", -np, "2", -t, "1", --no-ui]`
  return `campaign_name: in containers
backend: server
model: ${gguf}
${SHARED}
server: { command: ${command} }
docker: { enabled: true, python: ${testPython()}, start_timeout_seconds: 30 ${docker} }
experiments: [${tokens.map((count) => `{ ${long ? 'n_prompts: 500, ' : ''}generation: { max_tokens: ${count}, ignore_eos: true } }`).join(', ')}]
${extra}
`
}

/** Waits until a program runs in a service, and answers its process id on this machine. */
async function runsIn(made: Project, service: string, program: string): Promise<number> {
  const deadline = performance.now() + 60_000
  while (performance.now() < deadline) {
    // One that Compose starts at this moment may be gone at the next.
    const found = (await made.processes(service).catch(() => [])).find(({ command }) =>
      command.startsWith(program),
    )
    if (found !== undefined) return found.pid
    await sleep(50)
  }
  throw new Error(`no ${program} ran in ${service}`)
}

/** Whether nothing but what keeps it up runs in a service within the time. */
async function isEmptyWithin(made: Project, service: string, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const left = await made.processes(service).catch(() => [])
    if (left.length === 0) return true
    if (performance.now() > deadline) return false
    await sleep(100)
  }
}

describe.each(byDay(1, SPELLINGS))('with the spelling %s', (spelling) => {
  it('each experiment runs in the service named like its backend, and what was started is stopped', async (context) => {
    const secret = `hf_${Math.random().toString(36).slice(2)}`
    placeOf(context, spelling)
    const made = project(
      context,
      `campaign_name: three services
model: ${gguf}
${SHARED}
docker: { python: ${testPython()} }
experiments:
  - { backend: pytorch, model: ${join(folder, 'llama-512')}, n_prompts: 20, generation: { max_tokens: 50 }, pytorch: { device: cpu, num_threads: 1 } }
  - { backend: vllm }
`,
      // One that reaches nobody and cannot be reached, and one with a network of its own.
      { pytorch: ['network_mode: none'], vllm: [], unused: [] },
      spelling,
    )
    const { ended } = startWithSecret(made, secret)
    const pid = await runsIn(made, 'pytorch', testPython())
    const seen = { cmdline: false, empty: true }
    let isOver = false
    void ended.then(() => {
      isOver = true
    })
    const worker = await environmentOf(made, 'pytorch')
    while (!isOver) {
      const lines = commandLines()
      seen.empty &&= lines.length === 0
      seen.cmdline ||= lines.some((line) => line.includes(secret))
      await sleep(100)
    }
    const { code, stderr } = await ended
    expect(code, stderr).toBe(0)
    expect(pid).toBeGreaterThan(1)
    expect(worker).toContain(`HF_TOKEN=${secret}`)
    expect(worker).toMatch(/^CUDA_VISIBLE_DEVICES=GPU-[0-9a-f-]{36}$/m)
    expect(seen).toEqual({ cmdline: false, empty: false })
    expect(isWrittenIn(made.dir, secret)).toBe(false)
    const places = made.results().map(({ backend, environment }) => [backend, environment.service?.name])
    expect(places.sort()).toEqual([
      ['pytorch', 'pytorch'],
      ['vllm', 'vllm'],
    ])
    for (const { environment, output_tokens, energy } of made.results()) {
      expect(environment.service).toMatchObject({ image, image_id: expect.stringMatching(/^sha256:/) })
      expect(environment.summary_line).toMatch(/ \| container$/)
      expect(output_tokens).toBeGreaterThan(0)
      expect(energy?.integral_j).toBeGreaterThan(0)
    }
    for (const name of ['pytorch', 'vllm', 'unused']) expect(await made.container(name)).toBeNull()
  })

  atNight('a killed client leaves nothing in the container, and the campaign goes on', async (context) => {
    const made = project(context, onServer({ experiments: 2, long: true }), { server: [] }, spelling)
    const { child, ended } = made.start('-q')
    const first = await runsIn(made, 'server', serverPath)
    const [client] = processesWith(`${made.dir}/compose.yaml exec -T`)
    process.kill(client ?? 0, 'SIGKILL')
    expect(await within(15_000, () => !isRunning(first))).toBe(true)
    const second = await runsIn(made, 'server', serverPath)
    expect(second).not.toBe(first)
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    expect(await within(10_000, () => !isRunning(second))).toBe(true)
    expect(await made.container('server')).toBeNull()
    expect(made.manifest().entries[0]).toMatchObject({ status: 'failed' })
  })
})

describe('a killed campaign leaves no process in its container', () => {
  it.for(
    byDay(1, [
      ['campaign', ''],
      ['runner', ''],
      ['campaign', 'that hangs'],
    ] as const),
  )('when its %s is killed over a server %s', async ([what, how], context) => {
    const made = project(context, onServer({ long: true }))
    const { child, ended } = made.start('-q')
    const pid = await runsIn(made, 'server', serverPath)
    await sleep(500)
    // What is stopped reads no end of stdin and answers no SIGTERM.
    if (how !== '') process.kill(pid, 'SIGSTOP')
    if (what === 'campaign') child.kill('SIGKILL')
    else process.kill(processesWith('bundle/runner.js', child.pid)[0] ?? 0, 'SIGKILL')
    expect(await within(10_000, () => !isRunning(pid))).toBe(true)
    if (what === 'campaign') expect(await isEmptyWithin(made, 'server', 5000)).toBe(true)
    await ended
  })

  atNight('and the next run takes its services over, and stops them', async (context) => {
    const made = project(context, onServer({ experiments: 2 }))
    const { child, ended } = made.start('-q')
    await runsIn(made, 'server', serverPath)
    child.kill('SIGKILL')
    await ended
    const left = await made.container('server')
    expect(left).not.toBeNull()
    const { code, stderr } = await made.run('-q')
    expect(code, stderr + JSON.stringify(made.manifest().entries)).toBe(0)
    expect(made.manifest().counts.completed).toBe(2)
    expect(await made.container('server')).toBeNull()
  })

  atNight('when what keeps it in the container is killed', async (context) => {
    const made = project(context, onServer({ long: true }))
    const { child, ended } = made.start('-q')
    const orphan = await runsIn(made, 'server', serverPath)
    const keeper = (await made.processes('server')).find(({ command }) => command.includes('in_service.py'))
    process.kill(keeper?.pid ?? 0, 'SIGKILL')
    expect(await within(5000, () => !isRunning(orphan))).toBe(true)
    child.kill('SIGTERM')
    await ended
  })

  atNight(
    'and what is left all the same is found by its mark before the next run, and nothing else',
    async (context) => {
      const made = project(context, onServer())
      await made.compose('up', '-d', 'server')
      const { child, ended } = made.start('-q')
      const text = await environmentOf(made, 'server')
      child.kill('SIGINT')
      await ended
      const [, mark = ''] = /^LLEM_CAMPAIGN=(.*)$/m.exec(text) ?? []
      expect(mark).toMatch(/^[0-9a-f]{16}$/)
      await made.compose('exec', '-d', '-e', `LLEM_CAMPAIGN=${mark}`, 'server', 'sleep', '1001')
      await made.compose('exec', '-d', '-e', 'LLEM_CAMPAIGN=other', 'server', 'sleep', '1002')
      const { code, stderr } = await made.run('-q')
      expect(code, stderr).toBe(0)
      expect((await made.processes('server')).map(({ command }) => command)).toEqual(['sleep 1002'])
    },
  )
})

atNight('a run that takes too long is ended, in the container too', async (context) => {
  const campaign = onServer({ long: true }).replace('cycles: 1,', 'cycles: 1, experiment_timeout_seconds: 3,')
  const made = project(context, campaign)
  await made.compose('up', '-d')
  const { code } = await made.run('-q')
  expect(code).toBe(1)
  expect(made.manifest().entries[0]?.error?.code).toBe('EXPERIMENT_TIMEOUT')
  expect(await isEmptyWithin(made, 'server', 5000)).toBe(true)
})

atNight('what ran before stays up, and its processes are not foreign to the measurement', async (context) => {
  const made = project(context, onServer())
  await made.compose('up', '-d', 'server')
  const before = await made.container('server')
  const scenario = scenarioFile([
    gpu(0, [{ for_s: 1, w: 200 }], {
      // The service's own first process stands for the engine, the first one of this machine for a stranger.
      processes: [before?.pid ?? 0, 1].map((pid) => ({ from_s: 0, to_s: 1e9, pid, used_mib: 100 })),
    }),
  ])
  const { code, stderr } = await made.run('-q', '--simulate', scenario)
  expect(code, stderr).toBe(0)
  const [result] = made.results()
  expect(result?.energy?.contamination.foreign_processes?.map(({ pid }) => pid)).toEqual([1])
  expect(await made.container('server')).toEqual(before)
})

atNight('a cold start restarts the container after each run', async (context) => {
  const made = project(
    context,
    onServer({ experiments: 2, extra: 'cold_start: { restart_container: true }' }),
  )
  await made.compose('up', '-d', 'server')
  const before = await made.container('server')
  const { ended } = made.start('-q')
  const starts = new Set<string>()
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  while (!isOver) {
    starts.add((await made.container('server').catch(() => null))?.startedAt ?? '')
    await sleep(50)
  }
  expect((await ended).code).toBe(0)
  const after = await made.container('server')
  starts.add(after?.startedAt ?? '')
  starts.delete('')
  expect(starts.size).toBe(3)
  expect(after?.id).toBe(before?.id)
  expect(await made.processes('server')).toEqual([])
})

atNight('what does not respond is told apart from what does, and restarted', async (context) => {
  const env = placeOf(context)
  const made = project(context, onServer())
  await made.compose('up', '-d', 'server')
  for (const [name, value] of Object.entries({ ...env, ...made.env })) vi.stubEnv(name, value)
  const dir = scratchFolder()
  const executor = await chooseExecutor(loaded(onServer()).keys.docker, {
    path: join(made.dir, 'campaign.yaml'),
    dir,
    work: [{ backend: 'server', model: gguf }],
    note: () => {},
  })
  try {
    expect(await executor.responds(5000)).toBeNull()
    await executor.begin?.({ observer: silentObserver, signal: undefined })
    expect(await executor.responds(10_000)).toBe(true)
    const before = await made.container('server')
    // A hang: nothing in it runs any more, and the engine still calls it running.
    await made.docker('pause', before?.id ?? '')
    expect(await executor.responds(2000)).toBe(false)
    await executor.restart()
    expect(await executor.responds(10_000)).toBe(true)
    const after = await made.container('server')
    expect(after?.id).toBe(before?.id)
    expect(after?.startedAt).not.toBe(before?.startedAt)
  } finally {
    await executor.end?.(silentObserver)
    vi.unstubAllEnvs()
  }
  expect(await made.container('server')).not.toBeNull()
})

describe('a service', () => {
  it('is waited for until it is healthy', async (context) => {
    const healthcheck = [
      'tmpfs: [/run]',
      'entrypoint: [sh, -c]',
      'healthcheck: { test: [CMD, test, -f, /run/ready], interval: 1s, timeout: 2s, retries: 60 }',
    ]
    const made = project(context, onServer(), { server: healthcheck })
    const late = services({ server: healthcheck }).replace(
      'command: [sleep, infinity]',
      'command: ["sleep 3; touch /run/ready; exec sleep infinity"]',
    )
    writeFileSync(join(made.dir, 'compose.yaml'), late)
    const { code, stderr } = await made.run()
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/Service server/)
  })

  it('that is unhealthy does not respond, and is not waited for any longer', async (context) => {
    const healthcheck = ['healthcheck: { test: [CMD, "false"], interval: 200ms, timeout: 2s, retries: 2 }']
    const made = project(context, onServer(), { server: healthcheck })
    const { code, stderr } = await made.run('-q')
    expect(code).toBe(1)
    expect(stderr).toMatch(/service server is unhealthy .*\[SERVICES_UNUSABLE\]\n$/s)
    expect(await made.container('server')).toBeNull()
  })

  atNight('is stopped when Ctrl-C comes while it is waited for', async (context) => {
    const healthcheck = ['healthcheck: { test: [CMD, "false"], interval: 60s, timeout: 2s, retries: 2 }']
    const made = project(context, onServer(), { server: healthcheck })
    const { child, ended } = made.start('-q')
    for (let tries = 0; tries < 200 && (await made.container('server')) === null; tries += 1) await sleep(50)
    await sleep(500)
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    expect(await made.container('server')).toBeNull()
  })

  atNight(
    'that takes its time to stop is told of, and is not waited for after a second Ctrl-C',
    async (context) => {
      // Process 1 of a container takes no notice of SIGTERM where it does not handle it.
      const made = projectOf(
        {
          campaign: onServer({ long: true }),
          services: services({ server: [] }).replace('stop_grace_period: 0s', 'stop_grace_period: 8s'),
        },
        { spelling: ['docker', 'compose'], env: placeOf(context) },
      )
      open.push(made)
      const { child, ended } = made.start()
      let stderr = ''
      child.stderr?.on('data', (text: string) => {
        stderr += text
      })
      await runsIn(made, 'server', serverPath)
      child.kill('SIGINT')
      expect(await within(6000, () => stderr.includes('Waiting for service server to stop: '))).toBe(true)
      expect(stderr).toContain('; Ctrl-C once more does not wait, and Docker stops them all the same.\n')
      const startMs = performance.now()
      child.kill('SIGINT')
      expect((await ended).code).toBe(130)
      expect(performance.now() - startMs).toBeLessThan(1000)
      expect(await made.container('server')).not.toBeNull()
      let isUp = true
      for (let tries = 0; isUp && tries < 60; tries += 1) {
        await sleep(250)
        isUp = (await made.container('server')) !== null
      }
      expect(isUp).toBe(false)
    },
  )

  it('that cannot be used is told of with all others, before anything runs', async (context) => {
    const elsewhere = tinyModel(scratchFolder(), 'unseen')
    const made = project(
      context,
      `campaign_name: unusable
model: ${elsewhere}
${SHARED}
docker: { python: ${testPython()}, start_timeout_seconds: 20 }
experiments:
  - { backend: pytorch }
  - { backend: vllm }
`,
      { pytorch: ['entrypoint: ["false"]'], vllm: [] },
    )
    const { code, stderr } = await made.run('-q')
    expect(code).toBe(1)
    expect(stderr).toMatch(/service pytorch ended with exit code 1 /)
    expect(stderr).toContain(`service vllm does not see ${elsewhere}: give it the volume`)
    expect(stderr).toMatch(/\[SERVICES_UNUSABLE\]\n$/)
    expect(made.results()).toEqual([])
    expect(await made.container('vllm')).toBeNull()
  })

  atNight('without Python is told of with what its image needs', async (context) => {
    const made = project(context, onServer({ docker: ', python: no-python' }).replace(/python: \/\S+,/, ''))
    const { stderr } = await made.run('-q')
    expect(stderr).toMatch(/no program can be run in service server: .*no-python/)
    expect(stderr).toMatch(/Its image needs a Python 3 named no-python/)
  })
})

it('a backend without a service runs on this machine, and that is said', async (context) => {
  const made = project(context, onServer(), { pytorch: [] })
  const { code, stderr } = await made.run()
  expect(code, stderr).toBe(0)
  expect(stderr).toMatch(/Note: the compose file has no service server, so it runs on this machine\./)
  expect(made.results()[0]?.environment.service).toBeNull()
  expect(await made.container('pytorch')).toBeNull()
})

/** The environment of what was started in a service. */
async function environmentOf(made: Project, service: string): Promise<string> {
  const script = `import os
for pid in os.listdir('/proc'):
    if pid.isdigit() and int(pid) != os.getpid():
        try: text = open(f'/proc/{pid}/environ').read()
        except OSError: continue
        if 'LLEM_CAMPAIGN=' in text and 'CUDA_VISIBLE_DEVICES=' in text: print(text.replace('\\0', '\\n'))`
  for (let tries = 0; tries < 100; tries += 1) {
    // The service may not be there yet.
    const found = await made.container(service)
    const text =
      found === null ? '' : await made.docker('exec', found.id, testPython(), '-c', script).catch(() => '')
    if (text !== '') return text
    await sleep(50)
  }
  return ''
}

function startWithSecret(made: Project, secret: string) {
  process.env.HF_TOKEN = secret
  try {
    return made.start('-q')
  } finally {
    delete process.env.HF_TOKEN
  }
}

/** The processes of this machine that have a text in their command line; of one parent, where one is given. */
function processesWith(text: string, parent?: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        const status = readFileSync(`/proc/${pid}/status`, 'utf8')
        return line.includes(text) && (parent === undefined || status.includes(`PPid:\t${parent}\n`))
      } catch {
        return false
      }
    })
    .map(Number)
}
