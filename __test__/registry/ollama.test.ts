// Ollama's store as it writes it (manifest/ of github.com/ollama/ollama): here made by the tests, as Ollama is not on the
// machines that run them.

import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { silentObserver } from '../../dist/progress/observer.js'
import { locateModel } from '../../dist/registry/locate.js'
import { scratchFolder } from '../native/scenario.js'

const WEIGHTS = Buffer.from('GGUF and so on')
const MODEL = 'application/vnd.ollama.image.model'
let store: string

const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex')
function blob(content: string | Buffer): string {
  const path = join(store, 'blobs', `sha256-${sha256(content)}`)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}
const layer = (mediaType: string, content: string | Buffer) => ({
  ...{ mediaType, digest: `sha256:${sha256(content)}`, size: content.length },
})
const manifest = (...layers: object[]) =>
  JSON.stringify({
    ...{ schemaVersion: 2, mediaType: 'application/vnd.docker.distribution.manifest.v2+json' },
    config: layer('application/vnd.docker.container.image.v1+json', '{}'),
    layers,
  })
function write(name: string, content: string, root = 'manifests'): void {
  const path = join(store, root, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}
const locate = (name: string, takes: 'gguf' | 'folder' = 'gguf') =>
  locateModel(name, takes, { observer: silentObserver, signal: undefined })

beforeEach(() => {
  store = scratchFolder()
  process.env.OLLAMA_MODELS = store
  blob(WEIGHTS)
  const content = manifest(layer(MODEL, WEIGHTS), layer('application/vnd.ollama.image.template', 't'))
  write('registry.ollama.ai/library/llama3.2/latest', content)
  write('registry.ollama.ai/library/llama3.2/1b', content)
  write('registry.ollama.ai/someone/fine/q4', content)
  write('hf.co/o/r/Q4_K_M', content)
})

describe("a model of Ollama's store", () => {
  it.each([
    ['ollama:llama3.2', 'registry.ollama.ai/library/llama3.2:latest'],
    ['ollama:llama3.2:1b', 'registry.ollama.ai/library/llama3.2:1b'],
    ['ollama:someone/fine:q4', 'registry.ollama.ai/someone/fine:q4'],
    ['ollama:hf.co/o/r:Q4_K_M', 'hf.co/o/r:Q4_K_M'],
  ])('%s is its blob, in place', async (name, repository) => {
    expect(await locate(name)).toEqual({
      state: 'here',
      path: join(store, 'blobs', `sha256-${sha256(WEIGHTS)}`),
      files: [{ file: join(store, 'blobs', `sha256-${sha256(WEIGHTS)}`), expected: sha256(WEIGHTS) }],
      source: {
        ...{ registry: 'ollama', repository, revision: null, commit: null },
        manifest_sha256: sha256(
          manifest(layer(MODEL, WEIGHTS), layer('application/vnd.ollama.image.template', 't')),
        ),
        files: [{ path: `sha256-${sha256(WEIGHTS)}`, bytes: WEIGHTS.length, sha256: sha256(WEIGHTS) }],
      },
    })
  })

  it('of newer releases is a link to a manifest among the blobs, for several programs', async () => {
    const child = manifest(layer(MODEL, WEIGHTS))
    blob(child)
    const list = JSON.stringify({
      ...{ schemaVersion: 2, mediaType: 'application/vnd.ollama.manifest.list.v2+json' },
      manifests: [
        { ...JSON.parse(manifest(layer('application/vnd.ollama.image.tensor', 'x'))), runner: 'mlx' },
        {
          mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
          digest: `sha256:${sha256(child)}`,
        },
      ],
    })
    const target = blob(list)
    const path = join(store, 'manifests-v2', 'ollama.com', 'library', 'new', 'latest')
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(target, path)
    expect(await locate('ollama:new')).toMatchObject({
      path: join(store, 'blobs', `sha256-${sha256(WEIGHTS)}`),
      source: { manifest_sha256: sha256(list) },
    })
  })

  it('that is not there is guessed at, and what is there is named', async () => {
    await expect(locate('ollama:lama3.2')).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      kind: 'usage',
      message: expect.stringContaining(store),
      hint: expect.stringMatching(
        /^Did you mean ollama:llama3\.2:latest\? It has hf\.co\/o\/r:Q4_K_M, llama3\.2:1b.*ollama pull lama3\.2/,
      ),
    })
    await expect(locate('ollama:llama3.2:70b')).rejects.toMatchObject({
      hint: expect.stringContaining('llama3.2:1b'),
    })
  })

  it('of an empty store says so', async () => {
    process.env.OLLAMA_MODELS = scratchFolder()
    await expect(locate('ollama:x')).rejects.toMatchObject({ hint: expect.stringMatching(/^It has none\./) })
  })

  it('whose weights are gone says which, and how to have them again', async () => {
    rmSync(join(store, 'blobs'), { recursive: true })
    await expect(locate('ollama:llama3.2')).rejects.toMatchObject({
      code: 'MODEL_UNREADABLE',
      message: expect.stringContaining(sha256(WEIGHTS)),
      hint: 'Fetch it again: ollama pull llama3.2',
    })
  })

  it.each([
    ['no JSON', '{'],
    [
      'another form',
      JSON.stringify({ layers: [{ mediaType: MODEL, digest: 'sha256:../../../etc/passwd' }] }),
    ],
    ['tensors', manifest(layer('application/vnd.ollama.image.tensor; name=x', 'x'))],
    ['an adapter', manifest(layer(MODEL, WEIGHTS), layer('application/vnd.ollama.image.adapter', 'a'))],
    ['no weights, as of one in the cloud', manifest()],
  ])('whose manifest has %s is told', async (_, content) => {
    write('registry.ollama.ai/library/odd/latest', content)
    await expect(locate('ollama:odd')).rejects.toMatchObject({ code: 'MODEL_UNREADABLE', kind: 'usage' })
  })

  it('is no folder of safetensors', async () => {
    await expect(locate('ollama:llama3.2', 'folder')).rejects.toMatchObject({
      hint: expect.stringContaining('-b llamacpp'),
    })
  })
})
