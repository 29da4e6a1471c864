import { describe, expect, it, vi } from 'vitest'
import { within } from '../backends/processes.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { llem, startLlem } from '../native/llem.js'
import { HOME } from './experiment.js'
import { paragraph } from './paragraph.js'

vi.setConfig({ testTimeout: 60_000 })

describe('llem backend list', () => {
  it('shows what is installed and where', async () => {
    const { code, stdout, stderr } = await llem(['backend', 'list'], { env: HOME })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^backend +version +gpu +reads GPUs +where +problem\n/)
    expect(stdout).toMatch(/\nllamacpp +3\.\d+\.\d+ +none +- +\S+\/backends\/llamacpp\/\S+\n/)
  })

  it('shows how to install what is not, and is JSON with --json', async () => {
    const env = { XDG_DATA_HOME: scratchFolder() }
    const { stdout } = await llem(['backend', 'list'], { env })
    expect(stdout).toContain('not installed; run: llem backend install llamacpp')
    const json = await llem(['backend', 'list', '--json'], { env })
    expect(JSON.parse(json.stdout)).toMatchObject([
      { kind: 'inference', name: 'llamacpp', installed: false, path: null },
      { kind: 'inference', name: 'pytorch', installed: false, path: null },
      { kind: 'inference', name: 'vllm', problem: 'no vllm on PATH; see: llem backend install vllm' },
      { kind: 'inference', name: 'tensorrt' },
      ...['sglang', 'tgi', 'llama-server', 'ollama', 'lmstudio'].map((name) => ({ kind: 'inference', name })),
      { kind: 'inference', name: 'server', installed: false, path: null },
      { kind: 'energy', name: 'nvml', installed: true, available: false },
      { kind: 'energy', name: 'zeus', installed: false, path: null, available: false },
      { kind: 'energy', name: 'rapl', installed: true, path: null, available: false },
      { kind: 'energy', name: 'codecarbon', installed: false, path: null, available: false },
    ])
  })
})

describe('llem backend install', () => {
  it('prints the place of one that is there already, and says so on stderr', async () => {
    const { code, stdout, stderr } = await llem(['backend', 'install', 'llamacpp', '--gpu', 'none'], {
      env: HOME,
    })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\S+\/backends\/llamacpp\/\S+\n$/)
    expect(stderr).toMatch(/is installed already\n$/)
  })

  it.for([
    [
      ['nope'],
      'BACKEND_UNKNOWN',
      /there is no backend "nope" to install\. Valid names: llamacpp, pytorch, vllm, tensorrt, sglang, tgi, llama-server, ollama, lmstudio, server, zeus, codecarbon\./,
    ],
    [['llamacpp', '--gpu', 'rocm'], 'GPU_UNKNOWN', /--gpu rocm is not one of auto, cuda, vulkan, none\./],
  ] as const)('of %j ends with 2 and the valid names', async ([args, code, text]) => {
    const ended = await llem(['backend', 'install', '-q', ...args], { env: HOME })
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(paragraph(code))
    expect(ended.stderr).toMatch(text)
  })

  it.for([
    ['vllm', /pip install vllm/],
    ['tensorrt', /pip install tensorrt_llm/],
    ['server', /server\.command .*server\.base_url/],
  ] as const)('of %s, which has its own installer, says how to get it', async ([name, text]) => {
    const { code, stdout, stderr } = await llem(['backend', 'install', '-q', name], { env: HOME })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(paragraph('BACKEND_NOT_INSTALLABLE'))
    expect(stderr).toMatch(text)
  })

  it('that is interrupted ends with 130', async () => {
    // A registry that takes the connection and never answers.
    const { createServer } = await import('node:net')
    const server = createServer(() => undefined).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const env = {
      XDG_DATA_HOME: scratchFolder(),
      npm_config_registry: `http://127.0.0.1:${port}`,
      npm_config_cache: scratchFolder(),
    }
    let isAsked = false
    server.once('connection', () => {
      isAsked = true
    })
    const { child, ended } = startLlem(['backend', 'install', 'llamacpp', '--gpu', 'none'], { env })
    expect(await within(30_000, () => isAsked)).toBe(true)
    child.kill('SIGINT')
    const { code, stdout } = await ended
    server.close()
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
  })
})
