// What a result says of a model's files is of their bytes, wherever a name says something else.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { fetchLocated, locateModel } from '../../dist/registry/locate.js'
import { recorder } from '../experiment/recorder.js'
import { scratchFolder } from '../native/scenario.js'
import { COMMIT, gitId, sha256 } from './hub-double.js'

const WEIGHTS = Buffer.alloc(100_000, 'GGUF of a tiny model, ')
const SETTINGS = Buffer.from('{"model_type":"llama"}')
let home: string

beforeEach(() => {
  home = scratchFolder()
  process.env.HF_HOME = home
  process.env.OLLAMA_MODELS = join(home, 'ollama')
  process.env.XDG_CACHE_HOME = join(home, 'cache')
  process.env.HF_HUB_OFFLINE = '1'
  for (const name of ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE']) delete process.env[name]
})

function write(path: string, content: string | Buffer): string {
  const at = join(home, path)
  mkdirSync(dirname(at), { recursive: true })
  writeFileSync(at, content)
  return at
}
/** A model of the hub in the cache, as others have put it there: without links, as their names are what counts here. */
function cached(files: Record<string, Buffer>): string[] {
  write('hub/models--o--r/refs/main', COMMIT)
  return Object.entries(files).map(([name, content]) =>
    write(`hub/models--o--r/snapshots/${COMMIT}/${name}`, content),
  )
}
function ollama(content: Buffer, size = content.length): string {
  const digest = sha256(WEIGHTS)
  const layers = [{ mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${digest}`, size }]
  write('ollama/manifests/registry.ollama.ai/library/tiny/latest', JSON.stringify({ layers }))
  return write(`ollama/blobs/sha256-${digest}`, content)
}
async function verify(name: string, takes: 'gguf' | 'folder' = 'gguf', signal?: AbortSignal) {
  const told = recorder()
  const asking = { observer: told.observer, signal }
  const located = await locateModel(name, takes, asking)
  if (located === null) throw new Error(`${name} is no name`)
  return { ...(await fetchLocated(located, asking)), ...told }
}
const digests = () => {
  const folder = join(home, 'cache', 'llem', 'digests')
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
}

describe('the bytes of a model', () => {
  it('that were changed after they came are refused, with what to do', async () => {
    const blob = ollama(WEIGHTS)
    const { source } = await verify('ollama:tiny')
    expect(source.files).toMatchObject([{ bytes: WEIGHTS.length, sha256: sha256(WEIGHTS) }])
    const other = Buffer.from(WEIGHTS)
    other[50_000] = 0
    writeFileSync(blob, other)
    await expect(verify('ollama:tiny')).rejects.toMatchObject({
      code: 'MODEL_DAMAGED',
      message: expect.stringContaining(sha256(other)),
      hint: expect.stringMatching(
        new RegExp(`^Delete ${blob} and fetch it again: ollama pull .*library/tiny:latest$`),
      ),
    })
  })

  it('are read anew also where their time and length were set back', async () => {
    const blob = ollama(WEIGHTS)
    await verify('ollama:tiny')
    const { atime, mtime } = statSync(blob)
    writeFileSync(blob, Buffer.alloc(WEIGHTS.length))
    utimesSync(blob, atime, mtime)
    await expect(verify('ollama:tiny')).rejects.toMatchObject({ code: 'MODEL_DAMAGED' })
  })

  it('of a blob in the cache of Hugging Face are not its name', async () => {
    const [link = ''] = cached({ 'm-Q4_K_M.gguf': WEIGHTS })
    const blob = join(home, 'hub/models--o--r/blobs', sha256(WEIGHTS))
    mkdirSync(dirname(blob))
    renameSync(link, blob)
    symlinkSync(`../../blobs/${sha256(WEIGHTS)}`, link)
    expect((await verify('hf:o/r:Q4_K_M')).source.files).toMatchObject([{ sha256: sha256(WEIGHTS) }])
    truncateSync(blob, 60_000)
    await expect(verify('hf:o/r:Q4_K_M')).rejects.toMatchObject({
      code: 'MODEL_DAMAGED',
      hint: `Delete ${blob} and run it again where there is a network: it is fetched anew.`,
    })
  })

  it('are hashed where no name says what they are', async () => {
    cached({ 'm-Q4_K_M.gguf': WEIGHTS })
    expect((await verify('hf:o/r:Q4_K_M')).source.files).toEqual([
      { path: 'm-Q4_K_M.gguf', bytes: WEIGHTS.length, sha256: sha256(WEIGHTS) },
    ])
  })

  it('of a small file are held against the id that git gives it', async () => {
    const [config = ''] = cached({ 'config.json': SETTINGS, 'model.safetensors': WEIGHTS })
    const blob = join(home, 'hub/models--o--r/blobs', gitId(SETTINGS))
    mkdirSync(dirname(blob))
    renameSync(config, blob)
    symlinkSync(`../../blobs/${gitId(SETTINGS)}`, config)
    expect((await verify('hf:o/r', 'folder')).source.files).toMatchObject([
      { path: 'model.safetensors', sha256: sha256(WEIGHTS) },
      { path: 'config.json', sha256: sha256(SETTINGS) },
    ])
    writeFileSync(blob, '{"model_type":"other"}')
    await expect(verify('hf:o/r', 'folder')).rejects.toMatchObject({ code: 'MODEL_DAMAGED' })
  })

  it("fewer than Ollama's manifest says are told without reading them", async () => {
    ollama(WEIGHTS.subarray(0, 70_000), WEIGHTS.length)
    await expect(
      locateModel('ollama:tiny', 'gguf', { ...recorder(), signal: undefined }),
    ).rejects.toMatchObject({
      code: 'MODEL_DAMAGED',
      message: expect.stringContaining('has 70000 bytes where its manifest says 100000'),
    })
    expect(digests()).toEqual([])
  })
})

describe('what they come to', () => {
  it('is kept, so that the next run does not read them', async () => {
    ollama(WEIGHTS)
    await verify('ollama:tiny')
    const [kept = ''] = digests()
    // A hash that no reading would give shows that nothing was read.
    writeFileSync(
      kept,
      readFileSync(kept, 'utf8').replace(`"sha256":"${sha256(WEIGHTS)}"`, `"sha256":"${'f'.repeat(64)}"`),
    )
    await expect(verify('ollama:tiny')).rejects.toMatchObject({
      message: expect.stringContaining('f'.repeat(64)),
    })
  })

  it.each(['', '{', '{"sha256":"x"}', '[]'])('is found anew where %j was kept', async (content) => {
    ollama(WEIGHTS)
    await verify('ollama:tiny')
    const [kept = ''] = digests()
    writeFileSync(kept, content)
    expect((await verify('ollama:tiny')).source.files).toMatchObject([{ sha256: sha256(WEIGHTS) }])
    expect(readFileSync(kept, 'utf8')).toContain(sha256(WEIGHTS))
  })

  it('is found each time where it cannot be kept', async () => {
    ollama(WEIGHTS)
    write('cache/llem', 'a file where the folder should be')
    const { source, details } = await verify('ollama:tiny')
    expect(source.files).toMatchObject([{ sha256: sha256(WEIGHTS) }])
    expect(details.join('\n')).toContain('could not be kept (non-fatal)')
  })

  it('is not waited for once the experiment was interrupted', async () => {
    ollama(WEIGHTS)
    await expect(verify('ollama:tiny', 'gguf', AbortSignal.abort())).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
  })
})
