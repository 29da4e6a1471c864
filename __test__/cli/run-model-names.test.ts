// `llem run -m hf:...` on a double of the hub, with a real tiny model, to a result.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { differencesOf, factsOf } from '../../dist/compare/facts.js'
import { fetchModel, LlemError, modelFacts } from '../../dist/index.js'
import type { AnyResult } from '../../dist/results/read.js'
import { within } from '../backends/processes.js'
import { llem, startProcess } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { COMMIT, type FakeHub, sha256, startHub } from '../registry/hub-double.js'
import { atNight } from '../setup/at-night.js'
import { HOME, model, pathIn, resultIn, run, startRun } from './experiment.js'

vi.setConfig({ testTimeout: 90_000 })

let hub: FakeHub
let home: string
let content: Buffer
const NAME = 'hf:o/tiny-GGUF:Q4_K_M'
const environment = () => ({ HF_ENDPOINT: hub.address, HF_HOME: home, HF_TOKEN: '', HF_HUB_OFFLINE: '' })
const blobs = () => join(home, 'hub', 'models--o--tiny-GGUF', 'blobs')
const incomplete = () => join(blobs(), `${sha256(content)}.incomplete`)
const asked = () => hub.asked.filter(({ host }) => host === 'cdn')

beforeEach(async () => {
  content = readFileSync(model)
  hub = await startHub({
    'o/tiny-GGUF': { files: { 'tiny-Q4_K_M.gguf': content, 'tiny-Q8_0.gguf': content }, commit: COMMIT },
  })
  home = scratchFolder()
})
afterEach(() => hub.close())

/** Sends the first part of the content and then nothing, until it is told to go on. */
function holdBack(bytes: number): void {
  hub.intercept = ({ host }, response) => {
    if (host !== 'cdn') return false
    response.setHeader('content-length', String(content.length))
    response.write(content.subarray(0, bytes))
    return true
  }
}

describe('a model by name', () => {
  it('is fetched before anything is measured, and its identity is in the result', async () => {
    const { code, stdout, stderr, outputDir } = await run(
      ['--simulate', '-m', NAME, '-n', '3'],
      [],
      environment(),
    )
    expect(stderr).not.toContain('Error')
    expect(code).toBe(0)
    const result = resultIn(outputDir)
    const path = join(home, 'hub', 'models--o--tiny-GGUF', 'snapshots', COMMIT, 'tiny-Q4_K_M.gguf')
    expect(result.model).toBe(NAME)
    expect(result.identity).toMatchObject({
      asked: { model: NAME },
      resolved: { name: path, by: 'loaded' },
      source: {
        ...{ registry: 'hf', repository: 'o/tiny-GGUF', revision: 'main', commit: COMMIT },
        files: [{ path: 'tiny-Q4_K_M.gguf', bytes: content.length, sha256: sha256(content) }],
      },
    })
    const names = result.steps.map(({ step }) => step)
    expect(names.indexOf('fetch')).toBe(names.indexOf('preflight') + 1)
    expect(stdout).toMatch(/Weights +o\/tiny-GGUF at aaaaaaaaaaaa: tiny-Q4_K_M\.gguf \(sha256 /)
    const other = structuredClone(result)
    const [file] = other.identity?.source?.files ?? []
    if (file !== undefined) file.sha256 = 'f'.repeat(64)
    const facts = [result, other].map(
      (each) => [factsOf({ kind: 'run', content: each } as AnyResult)] as const,
    )
    expect(differencesOf(facts[0] ?? [], facts[1] ?? [])).toMatchObject([
      { fact: 'model', verdict: 'flagged', a: [`o/tiny-GGUF (sha256 ${sha256(content).slice(0, 12)})`] },
    ])
    // The next one measures the same without asking, and is the same experiment.
    await hub.close()
    const again = await run(['--simulate', '-m', NAME, '-n', '3'], [], environment())
    expect(again.code).toBe(0)
    expect(resultIn(again.outputDir)).toMatchObject({
      config_hash: result.config_hash,
      identity: { source: result.identity?.source },
    })
  })

  it('is looked at and not fetched by --validate-only', async () => {
    const { code, stdout } = await run(['--simulate', '-m', NAME, '--validate-only'], [], environment())
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /model +hf:o\/tiny-GGUF:Q4_K_M is a file of commit aaaaaaaaaaaa, .* are to be fetched/,
    )
    expect(existsSync(blobs())).toBe(false)
    expect(asked()).toEqual([])
  })

  it('that is not clear, or misspelt, is told beside what else is wrong, and nothing is fetched', async () => {
    const unclear = await run(
      ['--simulate', '-m', 'hf:o/tiny-GGUF', '--set', 'energy.devices=[7]'],
      [],
      environment(),
    )
    expect(unclear.code).toBe(2)
    expect(unclear.stderr).toContain('o/tiny-GGUF has 2 models: Q4_K_M')
    expect(unclear.stderr).toContain('GPU_NOT_FOUND')
    const typo = await run(['--simulate', '-m', 'hf:o/tiny-GGUF:Q4KM'], [], environment())
    expect(typo.stderr).toContain('Did you mean hf:o/tiny-GGUF:Q4_K_M?')
    const form = await run(
      ['--simulate', '-m', 'hf:../x', '--dry-run', '--set', 'n_prompts=0'],
      [],
      environment(),
    )
    expect(form.code).toBe(2)
    expect(form.stderr).toContain('n_prompts')
    expect(form.stderr).toMatch(/-m: "hf:\.\.\/x" is no name of a model\. Write hf:OWNER\/REPO/)
    expect(asked()).toEqual([])
  })

  it('whose fetcher is killed is gone on with, and verified', async () => {
    const half = Math.floor(content.length / 2)
    holdBack(half)
    const { child, ended } = startRun(['--simulate', '-m', NAME, '-n', '2'], [], environment())
    expect(await within(30_000, () => existsSync(incomplete()) && statSync(incomplete()).size === half)).toBe(
      true,
    )
    child.kill('SIGKILL')
    await ended
    expect(readdirSync(blobs())).toEqual([`${sha256(content)}.incomplete`])
    hub.intercept = () => false
    const { code } = await run(['--simulate', '-m', NAME, '-n', '2'], [], environment())
    expect(code).toBe(0)
    expect(asked().at(-1)?.range).toBe(`bytes=${half}-`)
    expect(readdirSync(blobs())).toEqual([sha256(content)])
  })

  atNight('that is being fetched ends at Ctrl-C, exit code 130, and keeps what has come', async () => {
    holdBack(1000)
    const { child, ended } = startRun(['--simulate', '-m', NAME], [], environment())
    expect(await within(30_000, () => existsSync(incomplete()) && statSync(incomplete()).size === 1000)).toBe(
      true,
    )
    child.kill('SIGINT')
    const { code } = await ended
    expect(code).toBe(130)
    expect(readdirSync(blobs())).toEqual([`${sha256(content)}.incomplete`])
  })

  atNight(
    'that two processes want at once is fetched once, and the other one says that it waits',
    async () => {
      const half = Math.floor(content.length / 2)
      holdBack(half)
      const first = startRun(['--simulate', '-m', NAME, '-n', '2'], [], environment())
      expect(
        await within(30_000, () => existsSync(incomplete()) && statSync(incomplete()).size === half),
      ).toBe(true)
      const second = startRun(['--simulate', '-m', NAME, '-n', '2'], [], environment())
      await second.says('Waiting for another process that fetches tiny-Q4_K_M.gguf')
      // The connection breaks, and the first one goes on with the rest.
      hub.intercept = () => false
      hub.breakAll()
      expect([(await first.ended).code, (await second.ended).code]).toEqual([0, 0])
      expect(asked().map(({ range }) => range)).toEqual([undefined, `bytes=${half}-`])
      expect(
        [first, second].map(({ outputDir }) => resultIn(outputDir).identity?.source?.files[0]?.sha256),
      ).toEqual([sha256(content), sha256(content)])
    },
  )

  it('on a disk that is full says how much is missing, and leaves nothing under a final name', async (context) => {
    const disk = join(scratchFolder(), 'disk')
    mkdirSync(disk)
    const script = `mount -t tmpfs -o size=64k none '${disk}' && HF_HOME='${disk}' "$0" "$@"; code=$?; find '${disk}' -name '*.gguf' -o -regex '.*/[0-9a-f]*'; exit $code`
    const wrapper = ['--user', '--map-root-user', '--mount', 'sh', '-c']
    const possible = await startProcess('unshare', [...wrapper, `mount -t tmpfs -o size=64k none '${disk}'`])
      .ended
    if (possible.code !== 0) context.skip(`a small disk cannot be mounted here: ${possible.stderr}`)
    const bin = join(dirname(dirname(import.meta.dirname)), 'bin', 'llem.js')
    const { code, stdout, stderr } = await startProcess(
      'unshare',
      [...wrapper, script, process.execPath, bin, 'run', '--simulate', '-m', NAME, '-o', scratchFolder()],
      { env: { ...HOME, ...environment() } },
    ).ended
    expect(stderr).toContain('DISK_FULL')
    expect(stderr).toContain('HF_HUB_CACHE')
    expect(code).toBe(1)
    expect(stdout.trim()).toBe('')
  })

  it('of Ollama is read in place', async () => {
    const store = scratchFolder()
    const blob = join(store, 'blobs', `sha256-${sha256(content)}`)
    const manifest = join(store, 'manifests', 'registry.ollama.ai', 'library', 'tiny', 'latest')
    for (const path of [blob, manifest]) mkdirSync(dirname(path), { recursive: true })
    writeFileSync(blob, content)
    writeFileSync(
      manifest,
      JSON.stringify({
        layers: [
          {
            mediaType: 'application/vnd.ollama.image.model',
            digest: `sha256:${sha256(content)}`,
            size: content.length,
          },
        ],
      }),
    )
    const { code, outputDir } = await run(['--simulate', '-m', 'ollama:tiny', '-n', '2'], [], {
      OLLAMA_MODELS: store,
    })
    expect(code).toBe(0)
    expect(resultIn(outputDir).identity).toMatchObject({
      resolved: { name: blob },
      source: {
        registry: 'ollama',
        repository: 'registry.ollama.ai/library/tiny:latest',
        files: [{ sha256: sha256(content) }],
      },
    })
    expect(pathIn(outputDir, 'result.json')).toContain('result.json')
  })
})

describe('for a campaign', () => {
  it('models are fetched once, before its first run', async () => {
    const folder = scratchFolder()
    const file = join(folder, 'campaign.yaml')
    writeFileSync(
      file,
      `campaign_name: named\nmodel: ${NAME}\nn_prompts: 2\nllamacpp: { threads: 1, context_size: 512 }\nbaseline: { enabled: false }
warmup: { max_prompts: 5, thermal_floor_seconds: 0 }\ngrid: { shared: { generation.max_tokens: [8, 16] } }
execution: { cycles: 1, config_gap_seconds: 0, cycle_gap_seconds: 0 }\nio: { results_dir: ${join(folder, 'results')} }\n`,
    )
    const { code, stderr } = await llem(['campaign', file, '--simulate'], {
      env: { ...HOME, ...environment() },
    })
    expect(stderr).not.toContain('could not be fetched')
    expect(code).toBe(0)
    expect(asked()).toHaveLength(1)
  })
})

describe('in the library', () => {
  it('a model is fetched by name, and its facts are read where it is', async () => {
    const before = { ...process.env }
    Object.assign(process.env, environment())
    try {
      await expect(modelFacts(NAME)).rejects.toMatchObject({
        code: 'MODEL_NOT_FOUND',
        hint: expect.stringContaining('fetchModel'),
      })
      const { path, source } = await fetchModel(NAME)
      expect(sha256(readFileSync(path))).toBe(source.files[0]?.sha256)
      expect(await modelFacts(NAME)).toEqual(await modelFacts(model))
      await expect(fetchModel('tiny.gguf')).rejects.toThrow(LlemError)
    } finally {
      process.env = before
    }
  })
})
