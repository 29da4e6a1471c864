import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { installBackend } from '../../dist/backends/install.js'
import { listBackends } from '../../dist/backends/list.js'
import { findInstall } from '../../dist/backends/llamacpp/installs.js'
import { LIBRARY_ENTRY, packagesOf } from '../../dist/backends/llamacpp/packages.js'
import { findBackend } from '../../dist/backends/registry.js'
import { atNight } from '../setup/at-night.js'
import { installedLlamacpp, scratchFolder, testDataDir } from './tiny-model.js'

// Processes start slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 60_000 })

const environment = { ...process.env }
const install = (dataDir: string, log: string[] = [], signal?: AbortSignal) =>
  installBackend('llamacpp', { gpu: 'none', dataDir, log: (line) => log.push(line), signal })
/** The rows of llamacpp; the other backends are found on PATH. */
const rowsOf = (dataDir: string) => listBackends(dataDir).filter(({ name }) => name === 'llamacpp')
const contents = (dataDir: string) => readdirSync(join(dataDir, 'backends', 'llamacpp'))

/** Nothing answers there, and nothing is in the cache. */
function goOffline(): void {
  process.env.npm_config_registry = 'http://127.0.0.1:9'
  process.env.npm_config_fetch_retries = '0'
  process.env.npm_config_cache = scratchFolder()
}

beforeAll(() => installedLlamacpp(), 180_000)

afterEach(() => {
  process.env = { ...environment }
})

describe('installing', () => {
  it('does nothing the second time, and says so', async () => {
    const log: string[] = []
    const again = await install(testDataDir, log)
    expect(again).toMatchObject({
      installed: false,
      version: '3.22.1',
      gpu: [],
      message: 'llamacpp 3.22.1 (gpu: none) is installed already',
    })
    expect(log).toEqual([])
  })

  it('fails with the words of npm when it is offline, and leaves nothing half-made', async () => {
    goOffline()
    const dataDir = scratchFolder()
    const failing = install(dataDir)
    await expect(failing).rejects.toMatchObject({
      code: 'BACKEND_INSTALL_FAILED',
      message: expect.stringContaining('ECONNREFUSED'),
      hint: expect.stringContaining('network'),
    })
    expect(contents(dataDir)).toEqual([])
  }, 60_000)

  it('leaves nothing half-made when it is aborted', async () => {
    const dataDir = scratchFolder()
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 500)
    await expect(install(dataDir, [], controller.signal)).rejects.toMatchObject({ code: 'ABORTED' })
    expect(contents(dataDir)).toEqual([])
  }, 60_000)

  atNight(
    'is safe twice at once, clears what a killed one left, and replaces what is broken',
    async () => {
      const dataDir = scratchFolder()
      const folder = join(dataDir, 'backends', 'llamacpp')
      mkdirSync(join(folder, '.tmp-4194304-killed'), { recursive: true }) // No Linux process has this number.
      const both = await Promise.all([install(dataDir), install(dataDir)])
      expect(both.map(({ installed }) => installed).sort()).toEqual([false, true])
      expect(contents(dataDir)).toEqual(['3.22.1-none'])

      rmSync(join(folder, '3.22.1-none', 'node_modules', 'node-llama-cpp', 'dist'), { recursive: true })
      expect(rowsOf(dataDir)).toMatchObject([{ installed: true, problem: 'its files are missing' }])
      expect(await install(dataDir)).toMatchObject({ installed: true })
      expect(rowsOf(dataDir)).toMatchObject([{ problem: null }])
      expect(contents(dataDir)).toEqual(['3.22.1-none'])
      expect(existsSync(join(folder, '3.22.1-none', 'replaced'))).toBe(false)
      rmSync(dataDir, { recursive: true })
    },
    180_000,
  )
})

describe('listing', () => {
  it('has a row with the way to install for a backend that is not there', () => {
    expect(rowsOf(scratchFolder())).toEqual([
      {
        name: 'llamacpp',
        installed: false,
        version: null,
        gpu: null,
        path: null,
        problem: 'not installed; run: llem backend install llamacpp',
      },
    ])
  })

  it('shows what is installed and where', () => {
    const path = join(testDataDir, 'backends', 'llamacpp', '3.22.1-none')
    expect(listBackends(testDataDir)).toContainEqual({
      name: 'llamacpp',
      installed: true,
      version: '3.22.1',
      gpu: [],
      path,
      problem: null,
    })
  })

  it('shows a folder that is no installation as a problem', () => {
    const dataDir = scratchFolder()
    mkdirSync(join(dataDir, 'backends', 'llamacpp', '3.22.1-none'), { recursive: true })
    expect(rowsOf(dataDir)).toMatchObject([{ problem: 'installed.json is missing or unreadable' }])
  })
})

describe('choosing', () => {
  const dataDir = scratchFolder()

  /** An installation as far as choosing goes. */
  function fakeInstall(build: 'none' | 'cuda', gpu: string[]): string {
    const path = join(dataDir, 'backends', 'llamacpp', `3.22.1-${build}`)
    mkdirSync(dirname(join(path, LIBRARY_ENTRY)), { recursive: true })
    writeFileSync(join(path, LIBRARY_ENTRY), '')
    const content = { version: '3.22.1', gpu, arch: process.arch, installed_at: '2024-01-01T00:00:00Z' }
    writeFileSync(join(path, 'installed.json'), JSON.stringify(content))
    return path
  }
  const plain = fakeInstall('none', [])
  const cuda = fakeInstall('cuda', ['cuda'])

  it.each([
    ['auto', cuda],
    ['cuda', cuda],
    ['none', plain],
  ] as const)('takes for gpu: %s the installation that fits best', (gpu, path) => {
    expect(findInstall(dataDir, gpu).path).toBe(path)
  })
})

describe('names', () => {
  it('lists the backends there are for an unknown one', () => {
    expect(() => findBackend('olama')).toThrow(
      expect.objectContaining({
        code: 'BACKEND_UNKNOWN',
        hint: expect.stringMatching(
          /^(Did you mean ollama\? )?Valid names: llamacpp, pytorch, vllm, tensorrt, .*ollama.*\.$/,
        ),
        kind: 'usage',
      }),
    )
  })

  it.each([
    ['none', 'linux', 'x64', ['node-llama-cpp', '@node-llama-cpp/linux-x64']],
    [
      'cuda',
      'linux',
      'x64',
      [
        'node-llama-cpp',
        '@node-llama-cpp/linux-x64',
        '@node-llama-cpp/linux-x64-cuda',
        '@node-llama-cpp/linux-x64-cuda-ext',
      ],
    ],
    [
      'vulkan',
      'linux',
      'x64',
      ['node-llama-cpp', '@node-llama-cpp/linux-x64', '@node-llama-cpp/linux-x64-vulkan'],
    ],
    ['none', 'linux', 'arm64', ['node-llama-cpp', '@node-llama-cpp/linux-arm64']],
    ['cuda', 'linux', 'arm64', null],
    ['none', 'win32', 'x64', null],
  ] as const)('takes the packages of gpu: %s on %s %s', (build, platform, arch, packages) => {
    expect(packagesOf(build, platform, arch)).toEqual(packages)
  })
})
