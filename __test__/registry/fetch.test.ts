import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { fetchLocated, locateModel } from '../../dist/registry/locate.js'
import { recorder } from '../experiment/recorder.js'
import { scratchFolder } from '../native/scenario.js'
import { askOnly, COMMIT, type FakeHub, gitId, json, sha256, startHub } from './hub-double.js'

/** Bytes that repeat nowhere, so that a part in a wrong place is seen. */
function bytes(count: number, seed: number): Buffer {
  const content = Buffer.alloc(count)
  let state = seed
  for (let at = 0; at < count; at += 1) {
    state = (state * 1_103_515_245 + 12_345) & 0x7f_ff_ff_ff
    content[at] = state >> 16
  }
  return content
}

/** One tensor of so many bytes. */
function safetensors(count: number): Buffer {
  const head = Buffer.from(
    JSON.stringify({ w: { dtype: 'F16', shape: [count / 2], data_offsets: [0, count] } }),
  )
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(head.length))
  return Buffer.concat([length, head, bytes(count, 6)])
}

const Q4 = bytes(700_000, 1)
const Q8 = bytes(900_000, 2)
const PARTS = [bytes(300_000, 3), bytes(200_000, 4)] as const
const FILES = {
  'README.md': Buffer.from('# A model'),
  'tiny-Q4_K_M.gguf': Q4,
  'tiny-Q8_0.gguf': Q8,
  'BF16/tiny-BF16-00001-of-00002.gguf': PARTS[0],
  'BF16/tiny-BF16-00002-of-00002.gguf': PARTS[1],
  'mmproj-tiny-F16.gguf': bytes(100, 5),
}
const FOLDER = {
  'config.json': Buffer.from('{"model_type":"llama"}'),
  'tokenizer.json': Buffer.from('{}'),
  'model.safetensors': safetensors(50_000),
  'consolidated.safetensors': bytes(50_000, 7),
  'pytorch_model.bin': bytes(10, 8),
  'onnx/model.onnx': bytes(10, 9),
}

let hub: FakeHub
let home: string
const cache = () => join(home, 'hub')
const repository = () => join(cache(), 'models--o--tiny-GGUF')

beforeEach(async () => {
  hub = await startHub({
    'o/tiny-GGUF': { files: FILES, commit: COMMIT, small: ['README.md'] },
    'o/folder': { files: FOLDER, commit: COMMIT, small: ['config.json', 'tokenizer.json'] },
  })
  home = scratchFolder()
  askOnly(hub, home)
})
afterEach(() => hub.close())

async function fetchModel(name: string, takes: 'gguf' | 'folder' | 'either' = 'gguf', signal?: AbortSignal) {
  const told = recorder()
  const asking = { observer: told.observer, signal, firstPauseMs: 5 }
  const located = await locateModel(name, takes, asking)
  if (located === null) throw new Error(`${name} is no name`)
  return { ...(await fetchLocated(located, asking)), located, ...told }
}
const failure = (name: string, takes?: 'gguf' | 'folder' | 'either') =>
  fetchModel(name, takes).then(
    () => Promise.reject(new Error('it was fetched')),
    (error) => error,
  )
const ofContent = () => hub.asked.filter(({ host }) => host === 'cdn')
/** What is under a final name: links and blobs that are no partial ones. */
const blobs = () => (existsSync(join(repository(), 'blobs')) ? readdirSync(join(repository(), 'blobs')) : [])
const whole = () => blobs().filter((name) => !name.endsWith('.incomplete'))

describe('a model of the hub', () => {
  it('is fetched into the layout of huggingface_hub: blob, link, ref', async () => {
    const { path, located, stretches } = await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    expect(path).toBe(join(repository(), 'snapshots', COMMIT, 'tiny-Q4_K_M.gguf'))
    expect(sha256(readFileSync(path))).toBe(sha256(Q4))
    expect(readlinkSync(path)).toBe(`../../blobs/${sha256(Q4)}`)
    expect(blobs()).toEqual([sha256(Q4)])
    expect(readFileSync(join(repository(), 'refs', 'main'), 'utf8')).toBe(COMMIT)
    expect(existsSync(join(cache(), '.locks', 'models--o--tiny-GGUF', `${sha256(Q4)}.lock`))).toBe(true)
    expect(located.source).toEqual({
      ...{ registry: 'hf', repository: 'o/tiny-GGUF', revision: 'main', commit: COMMIT },
      manifest_sha256: null,
      files: [{ path: 'tiny-Q4_K_M.gguf', bytes: Q4.length, sha256: sha256(Q4) }],
    })
    // Over in less than a second: nothing flickers.
    expect(stretches).toEqual([])
  })

  it('is found in the cache the next time, without the hub', async () => {
    const first = await fetchModel('hf:o/tiny-GGUF:q4_k_m')
    await hub.close()
    const again = await fetchModel('hf:o/tiny-GGUF:q4_k_m')
    expect(again.path).toBe(first.path)
    expect(again.located).toMatchObject({ state: 'here', source: first.located.source })
  })

  it('in several files has all of them', async () => {
    const { path, located } = await fetchModel('hf:o/tiny-GGUF:BF16')
    expect(path).toMatch(/BF16\/tiny-BF16-00001-of-00002\.gguf$/)
    expect(PARTS.map(sha256).every((hash) => whole().includes(hash))).toBe(true)
    expect(sha256(readFileSync(join(dirname(path), 'tiny-BF16-00002-of-00002.gguf')))).toBe(sha256(PARTS[1]))
    expect(located.source.files).toHaveLength(2)
  })

  it('of which the cache has one part only is not taken for whole', async () => {
    const { path } = await fetchModel('hf:o/tiny-GGUF:BF16')
    const second = join(dirname(path), 'tiny-BF16-00002-of-00002.gguf')
    rmSync(second)
    await fetchModel('hf:o/tiny-GGUF:BF16')
    expect(sha256(readFileSync(second))).toBe(sha256(PARTS[1]))
  })

  it('of safetensors is a folder with what its backend reads, and no weights twice', async () => {
    const { path } = await fetchModel('hf:o/folder', 'folder')
    expect(readdirSync(path).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json'])
    expect(readlinkSync(join(path, 'config.json'))).toBe(`../../blobs/${gitId(FOLDER['config.json'])}`)
    await hub.close()
    const { located } = await fetchModel('hf:o/folder', 'folder')
    expect(located).toMatchObject({ state: 'here', path })
    expect(located.source.files.map(({ sha256: hash }) => hash)).toContain(
      sha256(FOLDER['model.safetensors']),
    )
  })

  it('of a certain commit is another name than the one of its branch', async () => {
    const { located } = await fetchModel(`hf:o/tiny-GGUF@${COMMIT}:Q8_0`)
    expect(located.source).toMatchObject({ revision: COMMIT, commit: COMMIT })
    expect(existsSync(join(repository(), 'refs'))).toBe(false)
    await expect(failure('hf:o/tiny-GGUF@nobranch:Q8_0')).resolves.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining('nobranch'),
    })
  })

  it('whose branch has moved on is fetched anew once somebody has asked the hub, and keeps the old commit', async () => {
    await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    const next = 'b'.repeat(40)
    const repo = hub.repositories['o/tiny-GGUF']
    if (repo) repo.commit = next
    await fetchModel('hf:o/tiny-GGUF:Q8_0')
    const { path } = await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    expect(path).toContain(next)
    // The same content is linked, not fetched.
    expect(ofContent().filter(({ path: each }) => each.endsWith('Q4_K_M.gguf'))).toHaveLength(1)
    expect(existsSync(join(repository(), 'snapshots', COMMIT, 'tiny-Q4_K_M.gguf'))).toBe(true)
  })

  it('that the Python library looks for is found by it', async ({ skip }) => {
    const python = fileURLToPath(new URL('../../.cache/test/hub-python/bin/python', import.meta.url))
    if (!(await pythonWithHub(python))) return skip('huggingface_hub could not be installed with pip')
    await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    await fetchModel('hf:o/tiny-GGUF:BF16')
    const { stdout } = await promisify(execFile)(python, ['-c', FIND, cache()], {
      env: { ...process.env, HF_HUB_OFFLINE: '1' },
    })
    expect(JSON.parse(stdout)).toEqual({
      found: [join(repository(), 'snapshots', COMMIT, 'tiny-Q4_K_M.gguf')],
      offline: join(repository(), 'snapshots', COMMIT, 'BF16', 'tiny-BF16-00002-of-00002.gguf'),
      repos: [
        ['o/tiny-GGUF', 'model', 3, Q4.length + PARTS[0].length + PARTS[1].length, [[COMMIT, ['main']]]],
      ],
      warnings: [],
    })
  }, 180_000)
})

describe('beside the Python library', () => {
  it('llem waits for its lock, and takes what it has fetched', async ({ skip }) => {
    const python = fileURLToPath(new URL('../../.cache/test/hub-python/bin/python', import.meta.url))
    if (!(await pythonWithHub(python))) return skip('huggingface_hub could not be installed with pip')
    const blob = join(repository(), 'blobs', sha256(Q4))
    const lock = join(cache(), '.locks', 'models--o--tiny-GGUF', `${sha256(Q4)}.lock`)
    for (const path of [blob, lock]) mkdirSync(dirname(path), { recursive: true })
    const holder = spawn(python, ['-c', HOLD, lock], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(holder.stdout, 'data')
    const fetching = fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    await expect.poll(() => hub.asked.some(({ path }) => path.includes('/tree/'))).toBe(true)
    writeFileSync(blob, Q4)
    holder.stdin.end()
    const { path } = await fetching
    expect(sha256(readFileSync(path))).toBe(sha256(Q4))
    expect(ofContent()).toEqual([])
  }, 180_000)
})

const HOLD = `
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print('held', flush=True)
    sys.stdin.read()
`

const FIND = `
import json, sys
from huggingface_hub import hf_hub_download, scan_cache_dir, try_to_load_from_cache
cache = sys.argv[1]
found = try_to_load_from_cache('o/tiny-GGUF', 'tiny-Q4_K_M.gguf', cache_dir=cache)
offline = hf_hub_download('o/tiny-GGUF', 'BF16/tiny-BF16-00002-of-00002.gguf', cache_dir=cache, local_files_only=True)
scan = scan_cache_dir(cache)
repos = [[r.repo_id, r.repo_type, r.nb_files, r.size_on_disk,
          [[v.commit_hash, sorted(v.refs)] for v in r.revisions]] for r in scan.repos]
print(json.dumps({'found': [found], 'offline': offline, 'repos': repos, 'warnings': [str(w) for w in scan.warnings]}))
`

/** A virtual environment with huggingface_hub, made once. */
async function pythonWithHub(python: string): Promise<boolean> {
  const run = promisify(execFile)
  try {
    if (existsSync(python)) {
      await run(python, ['-c', 'import huggingface_hub'])
      return true
    }
  } catch {
    // It was broken off, and is made again.
  }
  try {
    await run('python3', ['-m', 'venv', '--clear', dirname(dirname(python))])
    await run(python, ['-m', 'pip', 'install', '--quiet', 'huggingface_hub>=1'])
    return true
  } catch {
    return false
  }
}

describe('a download', () => {
  it('that is cut off again and again goes on where it was, and has the right content', async () => {
    hub.cutAfter = 150_000
    const { path } = await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    expect(sha256(readFileSync(path))).toBe(sha256(Q4))
    const ranges = ofContent().map(({ range }) => range)
    expect(ranges[0]).toBeUndefined()
    expect(ranges.slice(1).every((range) => /^bytes=\d+-$/.test(range ?? ''))).toBe(true)
    expect(ranges.length).toBeGreaterThanOrEqual(5)
    expect(ranges.length).toBeLessThan(15)
  })

  it('that takes longer than a moment is shown in megabytes', async () => {
    hub.intercept = ({ host }, response) => {
      if (host !== 'cdn') return false
      response.setHeader('content-length', String(Q4.length))
      response.write(Q4.subarray(0, 300_000))
      // What is over within a second is not shown.
      setTimeout(() => response.end(Q4.subarray(300_000)), 1500)
      return true
    }
    const { stretches } = await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    expect(stretches[0]).toBe('Fetching tiny-Q4_K_M.gguf 0/1 MB')
    expect(stretches).toContainEqual(
      expect.stringMatching(/^Fetching tiny-Q4_K_M\.gguf 0\/1 MB \d+\.\d MB\/s$/),
    )
    expect(stretches.at(-1)).toBe('Fetching tiny-Q4_K_M.gguf ends')
  })

  it('goes on with what another run has left, without asking for it again', async () => {
    const incomplete = join(repository(), 'blobs', `${sha256(Q4)}.incomplete`)
    mkdirSync(dirname(incomplete), { recursive: true })
    writeFileSync(incomplete, Q4.subarray(0, 500_000))
    const { path } = await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    expect(sha256(readFileSync(path))).toBe(sha256(Q4))
    expect(ofContent().map(({ range }) => range)).toEqual(['bytes=500000-'])
    expect(existsSync(incomplete)).toBe(false)
  })

  it('of which what was left is of something else begins anew, and says so', async () => {
    const incomplete = join(repository(), 'blobs', `${sha256(Q4)}.incomplete`)
    mkdirSync(dirname(incomplete), { recursive: true })
    writeFileSync(incomplete, Q8.subarray(0, 500_000))
    const { path, notes } = await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    expect(sha256(readFileSync(path))).toBe(sha256(Q4))
    expect(notes).toEqual([expect.stringContaining('it is fetched anew')])
  })

  it('whose rest is longer than the file begins anew', async () => {
    const incomplete = join(repository(), 'blobs', `${sha256(Q4)}.incomplete`)
    mkdirSync(dirname(incomplete), { recursive: true })
    writeFileSync(incomplete, Q8)
    expect(sha256(readFileSync((await fetchModel('hf:o/tiny-GGUF:Q4_K_M')).path))).toBe(sha256(Q4))
  })

  it('from a server without ranges begins anew after a break, and comes to its end', async () => {
    hub.hasRanges = false
    hub.cutAfter = 400_000
    let sent = 0
    hub.intercept = ({ host }) => {
      if (host === 'cdn' && ++sent === 3) hub.cutAfter = null
      return false
    }
    const { path } = await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    expect(sha256(readFileSync(path))).toBe(sha256(Q4))
    expect(ofContent()).toHaveLength(3)
  })

  it('that only ever breaks at the same place is given up, and what came is kept', async () => {
    hub.cutAfter = 0
    const error = await failure('hf:o/tiny-GGUF:Q4_K_M')
    expect(error).toMatchObject({ code: 'HUB_UNREACHABLE', hint: expect.stringContaining('is kept') })
    expect(whole()).toEqual([])
  })

  it('with the wrong content is not kept, and nothing has the final name', async () => {
    hub.content = (_, content) => Buffer.from(content).fill(7, 1000, 1010)
    const error = await failure('hf:o/tiny-GGUF:Q4_K_M')
    expect(error).toMatchObject({ code: 'DOWNLOAD_DIFFERS', message: expect.stringContaining(sha256(Q4)) })
    expect(blobs()).toEqual([])
    expect(existsSync(join(repository(), 'snapshots', COMMIT, 'tiny-Q4_K_M.gguf'))).toBe(false)
    expect(existsSync(join(repository(), 'refs', 'main'))).toBe(false)
  })

  it.each([
    ['longer', (content: Buffer) => Buffer.concat([content, Buffer.from('more')])],
    ['shorter', (content: Buffer) => content.subarray(0, content.length - 1)],
  ])('that is %s than the hub says is not kept', async (_, change) => {
    hub.content = (__, content) => change(content)
    const error = await failure('hf:o/tiny-GGUF:Q4_K_M')
    expect(error).toMatchObject({ code: 'DOWNLOAD_DIFFERS', message: expect.stringContaining('bytes') })
    expect(whole()).toEqual([])
  })

  it('that is longer without saying how long it is, is not kept either', async () => {
    hub.intercept = ({ host }, response) => {
      if (host !== 'cdn') return false
      response.write(Q4)
      response.end('and more')
      return true
    }
    expect(await failure('hf:o/tiny-GGUF:Q4_K_M')).toMatchObject({ code: 'DOWNLOAD_DIFFERS' })
    expect(blobs()).toEqual([])
  })

  it('whose tag is another than the list of files has is refused before a byte is taken', async () => {
    hub.intercept = ({ host, path }, response) => {
      if (host !== 'hub' || !path.includes('/resolve/')) return false
      response.writeHead(200, { 'x-linked-etag': `"${sha256(Q8)}"`, 'x-linked-size': String(Q4.length) })
      response.end(Q4)
      return true
    }
    expect(await failure('hf:o/tiny-GGUF:Q4_K_M')).toMatchObject({
      code: 'DOWNLOAD_DIFFERS',
      message: expect.stringContaining(sha256(Q8)),
    })
    expect(whole()).toEqual([])
  })

  it('sends the token to the hub and not to the host that it leads to', async () => {
    process.env.HF_TOKEN = 'hf_notarealtoken0123456789'
    const repo = hub.repositories['o/tiny-GGUF']
    if (repo) repo.token = process.env.HF_TOKEN
    await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    const seen = (host: string) =>
      new Set(hub.asked.filter((each) => each.host === host).map((each) => each.authorization))
    expect(seen('hub')).toEqual(new Set(['Bearer hf_notarealtoken0123456789']))
    expect(seen('cdn')).toEqual(new Set([undefined]))
    const texts = readdirSync(home, { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map((each) => readFileSync(join(each.parentPath, each.name), 'latin1'))
    expect(texts.some((text) => text.includes('notarealtoken'))).toBe(false)
  })

  it.each([
    [undefined, 'set HF_TOKEN', false],
    ['hf_wrong0123456789', 'with the account of HF_TOKEN', false],
    ['hf_wrong0123456789', 'with the account of HF_TOKEN', true],
  ])('of a gated model says what to do (token %s)', async (token, hint, isListed) => {
    if (token !== undefined) process.env.HF_TOKEN = token
    const repo = hub.repositories['o/tiny-GGUF']
    if (repo) Object.assign(repo, { token: 'hf_right0123456789', isListed })
    const error = await failure('hf:o/tiny-GGUF:Q4_K_M')
    expect(error).toMatchObject({ code: 'MODEL_GATED', kind: 'usage', hint: expect.stringContaining(hint) })
    expect(error.hint).toContain(`${hub.address}/o/tiny-GGUF`)
    expect(JSON.stringify([error.message, error.hint])).not.toContain('hf_wrong')
  })

  it('of what is not there says so as the hub does: it may also be private', async () => {
    expect(await failure('hf:o/nothing')).toMatchObject({
      code: 'MODEL_GATED',
      message: expect.stringContaining('is not there, or'),
    })
    hub.intercept = (_, response) => {
      response.statusCode = 404
      json(response, { error: 'Repository not found' })
      return true
    }
    expect(await failure('hf:o/nothing')).toMatchObject({ code: 'MODEL_NOT_FOUND' })
  })

  it('waits as long as a hub that has enough of it asks for, and says so', async () => {
    let refusals = 2
    hub.intercept = (_, response) => {
      if (refusals-- <= 0) return false
      response.writeHead(429, { 'retry-after': '2' }).end()
      return true
    }
    const { stretches, path } = await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    expect(sha256(readFileSync(path))).toBe(sha256(Q4))
    expect(stretches).toContainEqual(expect.stringMatching(/^Waiting, because .* answers 429 0\/2 s$/))
  })

  it('waits also for the host of the content', async () => {
    let refusals = 1
    hub.intercept = ({ host }, response) => {
      if (host !== 'cdn' || refusals-- <= 0) return false
      response.writeHead(503, { 'retry-after': '0' }).end()
      return true
    }
    expect(sha256(readFileSync((await fetchModel('hf:o/tiny-GGUF:Q4_K_M')).path))).toBe(sha256(Q4))
  })

  it('is not waited for over five minutes', async () => {
    hub.intercept = (_, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end()
      return true
    }
    expect(await failure('hf:o/tiny-GGUF:Q4_K_M')).toMatchObject({
      code: 'HUB_BUSY',
      hint: expect.stringContaining('It asks for 3600 s'),
    })
  })

  it('whose link has gone stale gets a fresh one', async () => {
    let stale = 1
    hub.intercept = ({ host }, response) => {
      if (host !== 'cdn' || stale-- <= 0) return false
      response.writeHead(403).end('Request has expired')
      return true
    }
    expect(sha256(readFileSync((await fetchModel('hf:o/tiny-GGUF:Q4_K_M')).path))).toBe(sha256(Q4))
  })

  it('that two want at once is fetched once', async () => {
    const both = await Promise.all([fetchModel('hf:o/tiny-GGUF:Q4_K_M'), fetchModel('hf:o/tiny-GGUF:Q4_K_M')])
    expect(both.map(({ path }) => readFileSync(path).equals(Q4))).toEqual([true, true])
    expect(ofContent()).toHaveLength(1)
  })

  it('that is interrupted ends at once and keeps what has come', async () => {
    const abort = new AbortController()
    hub.intercept = ({ host }, response) => {
      if (host !== 'cdn') return false
      response.setHeader('content-length', String(Q4.length))
      // The rest never comes.
      response.write(Q4.subarray(0, 100_000), () => setTimeout(() => abort.abort(), 200))
      return true
    }
    await expect(fetchModel('hf:o/tiny-GGUF:Q4_K_M', 'gguf', abort.signal)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
    expect(whole()).toEqual([])
    expect(lstatSync(join(repository(), 'blobs', `${sha256(Q4)}.incomplete`)).size).toBe(100_000)
    hub.intercept = () => false
    await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    expect(ofContent().at(-1)?.range).toBe('bytes=100000-')
  })

  it('that leads in a circle is no download', async () => {
    hub.intercept = ({ path }, response) => {
      if (!path.includes('/resolve/')) return false
      response.writeHead(302, { location: path }).end()
      return true
    }
    expect(await failure('hf:o/tiny-GGUF:Q4_K_M')).toMatchObject({ code: 'HUB_FAILED' })
  })
})

describe('a disk', () => {
  it('that fills up meanwhile loses nothing: the next one goes on where there was no room', async (context) => {
    const disk = scratchFolder()
    const run = promisify(execFile)
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', disk]).catch(() => null)
    if (mounted === null) context.skip('a small disk cannot be mounted here')
    onTestFinished(async () => void (await run('umount', [disk])))
    process.env.HF_HOME = disk
    const filler = join(disk, 'filler')
    hub.intercept = ({ host }, response) => {
      if (host !== 'cdn' || existsSync(filler)) return false
      response.setHeader('content-length', String(Q4.length))
      response.write(Q4.subarray(0, 300_000), () => {
        writeFileSync(filler, bytes(400_000, 9))
        response.end(Q4.subarray(300_000))
      })
      return true
    }
    expect(await failure('hf:o/tiny-GGUF:Q4_K_M')).toMatchObject({
      code: 'DISK_FULL',
      hint: expect.stringContaining('HF_HUB_CACHE'),
    })
    const blobsThere = join(disk, 'hub', 'models--o--tiny-GGUF', 'blobs')
    expect(readdirSync(blobsThere)).toEqual([`${sha256(Q4)}.incomplete`])
    // Where it is known beforehand, nothing is begun.
    const before = ofContent().length
    expect(await failure('hf:o/tiny-GGUF:Q8_0')).toMatchObject({ code: 'DISK_FULL' })
    expect(ofContent()).toHaveLength(before)
    rmSync(filler)
    hub.intercept = () => false
    const { path } = await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    expect(sha256(readFileSync(path))).toBe(sha256(Q4))
    expect(ofContent().at(-1)?.range).toMatch(/^bytes=[3-6]\d{5}-$/)
  })

  it('that may not be written to is named', async () => {
    writeFileSync(join(home, 'file'), '')
    process.env.HF_HOME = join(home, 'file')
    expect(await failure('hf:o/tiny-GGUF:Q4_K_M')).toMatchObject({
      hint: expect.stringContaining('HF_HUB_CACHE'),
    })
  })
})

describe('without the hub', () => {
  it('offline says what to do, and asks nobody', async () => {
    process.env.HF_HUB_OFFLINE = '1'
    expect(await failure('hf:o/tiny-GGUF:Q4_K_M')).toMatchObject({
      code: 'HUB_OFFLINE',
      kind: 'usage',
      hint: expect.stringContaining(cache()),
    })
    expect(hub.asked).toEqual([])
  })

  it('offline takes the only model of the cache for a name that leaves a choice', async () => {
    await fetchModel('hf:o/tiny-GGUF:Q4_K_M')
    process.env.HF_HUB_OFFLINE = 'yes'
    expect((await fetchModel('hf:o/tiny-GGUF')).path).toMatch(/Q4_K_M\.gguf$/)
  })

  it('a mirror that is not there is named', async () => {
    process.env.HF_ENDPOINT = 'http://127.0.0.1:9'
    expect(await failure('hf:o/tiny-GGUF:Q4_K_M')).toMatchObject({
      code: 'HUB_UNREACHABLE',
      message: expect.stringContaining('127.0.0.1:9'),
      hint: expect.stringContaining('HF_ENDPOINT'),
    })
  })
})

describe('what a hub must not do', () => {
  it.each(['../../outside.gguf', '/etc/x.gguf', 'a/../../b.gguf', 'a\\b.gguf'])(
    'name a file %s',
    async (path) => {
      hub.repositories['o/tiny-GGUF'] = { files: { [path]: Q4 }, commit: COMMIT }
      expect(await failure('hf:o/tiny-GGUF')).toMatchObject({ code: 'HUB_FAILED' })
    },
  )

  it.each(['main', '../x', ''])('call a commit %j', async (commit) => {
    hub.repositories['o/tiny-GGUF'] = { files: FILES, commit }
    expect(await failure('hf:o/tiny-GGUF:Q8_0')).toMatchObject({ code: 'HUB_FAILED' })
  })
})
