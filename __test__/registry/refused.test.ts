// What stands in the way of a model by name, told as what it is.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { namedModel } from '../../dist/core/named-model.js'
import { fetchLocated, locateModel } from '../../dist/registry/locate.js'
import { recorder } from '../experiment/recorder.js'
import { scratchFolder } from '../native/scenario.js'
import { askOnly, COMMIT, type FakeHub, startHub } from './hub-double.js'

const WEIGHTS = Buffer.alloc(300_000, 'weights of a tiny model ')
let hub: FakeHub
let home: string

beforeEach(async () => {
  const files = { 'm-Q4_0_4_4.gguf': WEIGHTS, 'm-Q8_0.gguf': Buffer.alloc(2_500_000) }
  hub = await startHub({ 'o/r': { files, commit: COMMIT } })
  home = scratchFolder()
  askOnly(hub, home)
})
afterEach(() => hub.close())

const repository = () => join(home, 'hub', 'models--o--r')
async function fetched(name: string) {
  const told = recorder()
  const asking = { observer: told.observer, signal: undefined, firstPauseMs: 1 }
  const located = await locateModel(name, 'gguf', asking)
  if (located === null) throw new Error(`${name} is no name`)
  return { ...(await fetchLocated(located, asking)), ...told }
}
function cached(...names: string[]): void {
  for (const name of names) {
    const path = join(repository(), 'snapshots', COMMIT, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, WEIGHTS)
  }
  mkdirSync(join(repository(), 'refs'))
  writeFileSync(join(repository(), 'refs', 'main'), COMMIT)
}

describe('HF_TOKEN', () => {
  it('that the hub does not know is told as that, not as a fault of the model', async () => {
    process.env.HF_TOKEN = 'hf_old'
    hub.intercept = (_, response) => {
      response.writeHead(401, { 'x-error-message': 'Invalid credentials in Authorization header' })
      response.end('{}')
      return true
    }
    await expect(fetched('hf:o/r:Q8_0')).rejects.toMatchObject({
      code: 'HUB_TOKEN_INVALID',
      kind: 'usage',
      hint: expect.stringContaining('unset HF_TOKEN'),
    })
    expect(hub.asked.length).toBe(1)
  })

  it.each(['hf_a\nhf_b', 'hf_a b', 'hf_\u0007', 'hf_ü'])(
    '%j is refused without asking anybody',
    async (token) => {
      process.env.HF_TOKEN = token
      const error = await fetched('hf:o/r:Q8_0').catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'HUB_TOKEN_INVALID', kind: 'usage' })
      expect(JSON.stringify(error)).not.toContain(token)
      expect(hub.asked).toEqual([])
    },
  )
})

describe('a cache', () => {
  it('that cannot remember a branch costs nothing', async () => {
    mkdirSync(repository(), { recursive: true })
    // Below a file no file can be made.
    writeFileSync(join(repository(), 'refs'), '')
    const { path, details } = await fetched('hf:o/r:Q8_0')
    expect(existsSync(path)).toBe(true)
    expect(details.join('\n')).toContain('does not remember main (non-fatal)')
  })

  it('that is not writable is told so by what the system says', async () => {
    process.env.HF_HUB_CACHE = '/proc/llem-test'
    await expect(fetched('hf:o/r:Q8_0')).rejects.toMatchObject({ code: 'CACHE_NOT_WRITABLE' })
  })

  it('with several says offline which', async () => {
    cached('m-Q4_0.gguf', 'm-Q8_0.gguf')
    process.env.HF_HUB_OFFLINE = '1'
    await expect(fetched('hf:o/r')).rejects.toMatchObject({
      code: 'HUB_OFFLINE',
      hint: expect.stringMatching(/^Of the cache alone: o\/r has 2 models: Q4_0 .*Q8_0.*hf:o\/r:Q4_0/),
    })
  })

  it('with one of several says offline that it is taken', async () => {
    cached('m-Q8_0.gguf')
    process.env.HF_HUB_OFFLINE = '1'
    const { notes } = await fetched('hf:o/r')
    expect(notes.join('\n')).toContain('hf:o/r is taken as m-Q8_0.gguf, which is all that the cache has')
  })
})

describe('the hub', () => {
  it('at https that speaks http is told in words of a person', async () => {
    process.env.HF_ENDPOINT = hub.address.replace('http:', 'https:')
    const error = await fetched('hf:o/r:Q8_0').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'HUB_UNREACHABLE',
      message: expect.stringContaining('does not speak https'),
    })
    expect(error).toMatchObject({ message: expect.not.stringContaining('openssl') })
  })

  it('with an empty refusal has no empty tail', async () => {
    hub.intercept = (_, response) => {
      response.writeHead(418)
      response.end()
      return true
    }
    await expect(fetched('hf:o/r:Q8_0')).rejects.toMatchObject({
      message: expect.stringMatching(/\(418\)$/),
    })
  })

  it('lists small files in their own unit, and guesses at longer packings', async () => {
    await expect(fetched('hf:o/r:Q4_0')).rejects.toMatchObject({
      hint: expect.stringMatching(
        /^Did you mean hf:o\/r:Q4_0_4_4\? It has Q4_0_4_4 \(0\.3 MB\), Q8_0 \(2\.5 MB\)/,
      ),
    })
  })

  it('that gives seven bytes each time is given up', async () => {
    let tries = 0
    hub.intercept = ({ host, range }, response) => {
      if (host !== 'cdn') return false
      tries += 1
      const from = Number(/\d+/.exec(range ?? '')?.[0] ?? 0)
      const size = 2_500_000
      response.writeHead(from === 0 ? 200 : 206, {
        'content-length': String(size - from),
        ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${size - 1}/${size}` }),
      })
      response.write(Buffer.alloc(7), () => response.destroy())
      return true
    }
    await expect(fetched('hf:o/r:Q8_0')).rejects.toMatchObject({ code: 'HUB_UNREACHABLE' })
    expect(tries).toBeLessThanOrEqual(100)
  })
})

it('a request that is resumed says once that it wants no compression', async () => {
  const said: (string | undefined)[] = []
  const server = createServer((request, response) => {
    said.push(request.headers['accept-encoding'])
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { askOnce } = await import('../../dist/registry/ask-hub.js')
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const headers of [{}, { range: 'bytes=7-' }]) await askOnce(address, headers, undefined)
  expect(said).toEqual(['identity', 'identity'])
})

it.each([
  ['HF:o/r', 'Write hf:o/r'],
  ['Ollama:llama3.2', 'Write ollama:llama3.2'],
])('%s is a name in other letters', (name, hint) => {
  expect(() => namedModel(name)).toThrow(expect.objectContaining({ code: 'MODEL_NAME_INVALID', hint }))
})
