import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadPrompts } from '../../dist/prompts/load.js'
import { recorder } from '../experiment/recorder.js'
import { scratchFolder } from '../native/scenario.js'
import { type FakeDataset, type FakeServer, STRING, send, startDatasetsServer } from './datasets-server.js'

const MESSAGES = [{ role: STRING, content: STRING }]
const many = (count: number, column = 'text') =>
  Array.from({ length: count }, (_, index) => ({ [column]: `row ${index}` }))
const plain = (rows: Record<string, unknown>[], features?: FakeDataset['features']): FakeDataset => ({
  configs: { default: { train: rows } },
  ...(features === undefined ? {} : { features }),
})

let server: FakeServer
let cache: string

beforeEach(async () => {
  server = await startDatasetsServer({ 'o/d': plain(many(250)) })
  cache = scratchFolder()
  process.env.XDG_CACHE_HOME = cache
  process.env.LLEM_DATASETS_SERVER = server.address
  delete process.env.HF_TOKEN
})
afterEach(() => server.close())

const DATASET = { column: null, order: 'interleaved' as const, seed: 42, max_input_tokens: null }

function load(
  source: string,
  {
    count = 3,
    warmup = 2,
    column = null as string | null,
    signal = undefined as AbortSignal | undefined,
  } = {},
) {
  const { observer, stretches, details } = recorder()
  const loading = loadPrompts(source, {
    count,
    warmup,
    dataset: { ...DATASET, column },
    observer,
    signal,
  })
  return { loading, stretches, details }
}
const texts = async (source: string, options?: Parameters<typeof load>[1]) =>
  (await load(source, options).loading).prompts.map(({ text }) => text)
const failure = async (source: string, options?: Parameters<typeof load>[1]) =>
  load(source, options).loading.then(
    () => Promise.reject(new Error('it was loaded')),
    (error) => error,
  )
const cached = () => readdirSync(join(cache, 'llem', 'datasets'))

describe('a data set of the hub', () => {
  it('gives its first rows, and says which of which commit they are', async () => {
    const set = await load('hf:o/d').loading
    expect(set.prompts.map(({ text }) => text)).toEqual(['row 0', 'row 1', 'row 2'])
    expect(set.warmup.map(({ text }) => text)).toEqual(['row 3', 'row 4'])
    expect(set).toMatchObject({
      source: 'hf:o/d:default:train:text',
      column: 'text',
      dataset: { name: 'o/d', config: 'default', split: 'train', revision: 'c0ffee' },
      notes: [],
    })
  })

  it('is asked for 100 rows at a time, and for no more than are needed', async () => {
    expect(await texts('hf:o/d', { count: 150, warmup: 0 })).toHaveLength(150)
    expect(server.asked.map(({ path, query }) => [path, query.offset, query.length])).toEqual([
      ['/splits', undefined, undefined],
      ['/rows', '0', '100'],
      ['/rows', '100', '100'],
    ])
  })

  it('is read from the cache the next time, without a network', async () => {
    const first = await load('hf:o/d').loading
    await server.close()
    const { loading, details } = load('hf:o/d')
    expect(await loading).toEqual(first)
    expect(details).toEqual([expect.stringMatching(/^o\/d of .* from the cache$/)])
  })

  it('is fetched again when more rows are needed than are in the cache', async () => {
    await load('hf:o/d').loading
    expect(await texts('hf:o/d', { count: 200, warmup: 0 })).toHaveLength(200)
    expect(cached()).toHaveLength(1)
  })

  it('that is complete in the cache is not asked for again', async () => {
    server.datasets['o/d'] = plain(many(7))
    await load('hf:o/d').loading
    const before = server.asked.length
    await load('hf:o/d', { count: 7, warmup: 7 }).loading
    expect(server.asked).toHaveLength(before)
  })

  it('is kept by commit, so that rows of two are never mixed', async () => {
    await load('hf:o/d').loading
    server.datasets['o/d'] = {
      ...plain(many(250).map(({ text }) => ({ text: `new ${text}` }))),
      revision: 'beef',
    }
    const { prompts, dataset } = await load('hf:o/d', { count: 240, warmup: 0 }).loading
    expect(prompts.every(({ text }) => text.startsWith('new '))).toBe(true)
    expect(dataset).toMatchObject({ revision: 'beef' })
    expect(cached().map((name) => name.replace(/^.*-/, ''))).toEqual(
      expect.arrayContaining(['beef.json', 'c0ffee.json']),
    )
  })

  it('that changes between two pages is begun anew', async () => {
    server.intercept = (request) => {
      if (request.url?.includes('offset=100') && server.datasets['o/d']?.revision === undefined)
        server.datasets['o/d'] = { ...plain(many(250).map(() => ({ text: 'new' }))), revision: 'beef' }
      return false
    }
    const { prompts, dataset } = await load('hf:o/d', { count: 150, warmup: 0 }).loading
    expect(new Set(prompts.map(({ text }) => text))).toEqual(new Set(['new']))
    expect(dataset).toMatchObject({ revision: 'beef' })
  })

  it('has no commit where the server tells none, or one that is no name of a file', async () => {
    server.datasets['o/d'] = { ...plain(many(9)), revision: null }
    expect((await load('hf:o/d').loading).dataset).toMatchObject({ revision: null })
    server.datasets['o/e'] = { ...plain(many(9)), revision: '../../../evil' }
    await load('hf:o/e').loading
    expect(cached().every((name) => /^[0-9a-f]{32}-unknown\.json$/.test(name))).toBe(true)
  })

  it('that is damaged in the cache is fetched again', async () => {
    const first = await load('hf:o/d').loading
    for (const name of cached()) writeFileSync(join(cache, 'llem', 'datasets', name), '{"texts": [')
    expect(await load('hf:o/d').loading).toEqual(first)
  })

  it('is read by a cache that cannot be written, too', async () => {
    writeFileSync(join(cache, 'llem'), '')
    const { loading, details } = load('hf:o/d')
    expect((await loading).prompts).toHaveLength(3)
    expect(details).toEqual([expect.stringMatching(/^o\/d is not kept for later runs \(non-fatal\): /)])
  })

  it('leaves rows without a prompt out, and says how many', async () => {
    server.datasets['o/d'] = plain([{ text: '' }, { text: 'a' }, { text: null }, { text: ' \n' }, ...many(5)])
    const { prompts, notes } = await load('hf:o/d').loading
    expect(prompts.map(({ text }) => text)).toEqual(['a', 'row 0', 'row 1'])
    expect(notes).toEqual(['3 rows of hf:o/d:default:train:text have no prompt and are left out'])
  })

  it('says when all that the server has of it was needed, and that is not all', async () => {
    server.datasets['o/d'] = { ...plain(many(250)), partial: true }
    expect((await load('hf:o/d').loading).notes).toEqual([])
    const { notes } = await load('hf:o/d', { count: 240, warmup: 10 }).loading
    expect(notes).toEqual(['the datasets server has only the beginning of hf:o/d:default:train:text'])
  })

  it('shows how far it is once it takes longer than a second, and nothing before', async () => {
    const quick = load('hf:o/d')
    await quick.loading
    expect(quick.stretches).toEqual([])
    server.intercept = async () => {
      await sleep(700)
      return false
    }
    const slow = load('hf:o/d', { count: 150, warmup: 0 })
    await slow.loading
    expect(slow.stretches[0]).toBe('Fetching o/d 0/150 prompt')
    expect(slow.stretches).toContain('Fetching o/d 100/150 prompt')
    expect(slow.stretches.at(-1)).toBe('Fetching o/d ends')
  })

  it('ends at once when it is interrupted', async () => {
    server.intercept = async () => {
      await sleep(5000)
      return false
    }
    const error = await failure('hf:o/d', { signal: AbortSignal.timeout(200) })
    expect(error).toMatchObject({ code: 'INTERRUPTED' })
  })
})

describe('the column', () => {
  const row = (columns: Record<string, unknown>) => [columns, columns, columns]

  it.for([
    ['text before prompt', { prompt: 'p', text: 't' }, {}, 't'],
    ['prompt before question', { question: 'q', prompt: 'p' }, {}, 'p'],
    ['question before instruction', { instruction: 'i', question: 'q' }, {}, 'q'],
    ['instruction before content', { content: 'c', instruction: 'i' }, {}, 'i'],
    [
      'the only text',
      { number: 3, story: 's' },
      { number: { dtype: 'int64', _type: 'Value' }, story: STRING },
      's',
    ],
    [
      'a conversation before a text that may be an id',
      { id: 'x', messages: [{ role: 'user', content: 'hello' }] },
      { id: STRING, messages: MESSAGES },
      'hello',
    ],
    [
      'the only conversation',
      { chat: [{ from: 'human', value: 'hello' }] },
      { chat: { _type: 'List', feature: { from: STRING, value: STRING } } },
      'hello',
    ],
  ] as const)('is %s when none is named', async ([, columns, features, text]) => {
    const typed = Object.keys(features).length === 0 ? undefined : { ...features }
    server.datasets['o/d'] = plain(row({ ...columns }), typed)
    expect(await texts('hf:o/d')).toEqual([text, text, text])
  })

  it.for([
    ['hf:o/d:::b', null],
    ['hf:o/d', 'b'],
  ] as const)('is the one that %s and dataset.column: %s name', async ([source, column]) => {
    server.datasets['o/d'] = plain(row({ text: 'a', b: 'b' }))
    expect(await texts(source, { column })).toEqual(['b', 'b', 'b'])
  })

  it.for([
    [
      'the first message of the user',
      [
        { role: 'system', content: 's' },
        { role: 'user', content: 'u' },
        { role: 'user', content: 'v' },
      ],
    ],
    [
      'that of ShareGPT',
      [
        { from: 'gpt', value: 'g' },
        { from: 'human', value: 'u' },
      ],
    ],
    ['its parts of text', [{ role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'u' }] }]],
    ['that of a struct of lists', { role: ['system', 'user'], content: ['s', 'u'] }],
  ] as const)('with conversations gives %s', async ([, messages]) => {
    server.datasets['o/d'] = plain(row({ messages }), { messages: MESSAGES })
    expect(await texts('hf:o/d')).toEqual(['u', 'u', 'u'])
  })

  it('that does not exist is an error with what was meant and what there is', async () => {
    server.datasets['o/d'] = plain(row({ prompt: 'p', answer: 'a' }))
    expect(await failure('hf:o/d', { column: 'promt' })).toMatchObject({
      code: 'DATASET_COLUMN_UNKNOWN',
      kind: 'usage',
      message: 'hf:o/d:default:train has no column "promt"',
      hint: 'Did you mean prompt? It has prompt, answer.',
    })
  })

  it('that is no text is an error with those that are', async () => {
    server.datasets['o/d'] = plain(row({ label: 1, body: 'b' }), {
      label: { dtype: 'int64', _type: 'Value' },
      body: STRING,
    })
    expect(await failure('hf:o/d', { column: 'label' })).toMatchObject({
      code: 'DATASET_COLUMN_NOT_TEXT',
      message: 'the column label of hf:o/d:default:train is no text but int64',
      hint: 'Name it with dataset.column: body.',
    })
  })

  it('that is not clear is an error with those that there are', async () => {
    server.datasets['o/d'] = plain(row({ article: 'a', summary: 's' }))
    expect(await failure('hf:o/d')).toMatchObject({
      code: 'DATASET_COLUMN_UNCLEAR',
      hint: 'Name it with dataset.column: article, summary.',
    })
  })
})

describe('configuration and split', () => {
  const several: FakeDataset = {
    configs: {
      en: { train: many(9), test: many(9).map(({ text }) => ({ text: `test ${text}` })) },
      de: { validation: many(9), test: many(9) },
    },
  }
  beforeEach(() => {
    server.datasets['o/d'] = several
  })

  it('are those that are named', async () => {
    const { prompts, source } = await load('hf:o/d:en:test').loading
    expect(prompts[0]?.text).toBe('test row 0')
    expect(source).toBe('hf:o/d:en:test:text')
  })

  it('are train, and the only configuration or the default one, when none is named', async () => {
    expect((await load('hf:o/d:en').loading).dataset).toMatchObject({ split: 'train' })
    server.datasets['o/d'] = { configs: { a: { train: many(9) }, default: { train: many(9) } } }
    expect((await load('hf:o/d').loading).dataset).toMatchObject({ config: 'default' })
  })

  it.for([
    ['hf:o/d:eng', 'DATASET_CONFIG_UNKNOWN', 'Did you mean en? It has en, de.'],
    ['hf:o/d:french', 'DATASET_CONFIG_UNKNOWN', 'It has en, de.'],
    ['hf:o/d', 'DATASET_CONFIG_UNKNOWN', 'Name it as in hf:o/d:en. It has en, de.'],
    ['hf:o/d:en:tets', 'DATASET_SPLIT_UNKNOWN', 'Did you mean test? It has train, test.'],
    ['hf:o/d:de', 'DATASET_SPLIT_UNKNOWN', 'Name it as in hf:o/d:de:validation. It has validation, test.'],
  ] as const)('%s is %s: %s', async ([source, code, hint]) => {
    expect(await failure(source)).toMatchObject({ code, hint, kind: 'usage' })
  })
})

describe('a data set that cannot be had', () => {
  it('is not there, or wants a token, which the server does not tell apart', async () => {
    expect(await failure('hf:o/none')).toMatchObject({
      code: 'DATASET_GATED',
      kind: 'usage',
      message: 'the data set o/none is not there, or it is gated or private',
      hint: expect.stringContaining('set HF_TOKEN'),
    })
  })

  it('is read with HF_TOKEN, which is in no file and no message', async () => {
    const token = 'hf_abcdefghijklmnop'
    server.datasets['o/d'] = { ...plain(many(9)), token }
    process.env.HF_TOKEN = token
    const { loading, details, stretches } = load('hf:o/d')
    const set = await loading
    expect(server.asked.every(({ authorization }) => authorization === `Bearer ${token}`)).toBe(true)
    const kept = cached().map((name) => readFileSync(join(cache, 'llem', 'datasets', name), 'utf8'))
    expect(JSON.stringify([set, details, stretches, kept])).not.toContain(token)
    process.env.HF_TOKEN = 'hf_another'
    const error = await failure('hf:o/d:default:train:text')
    expect(error).toMatchObject({ code: 'DATASET_NOT_FOUND', kind: 'usage' })
    expect(`${error.stack}${error.hint}`).not.toContain('hf_another')
  })

  it('has too few rows', async () => {
    server.datasets['o/d'] = plain([...many(4), { text: '' }])
    expect(await failure('hf:o/d', { count: 5 })).toMatchObject({
      code: 'DATASET_TOO_SMALL',
      kind: 'usage',
      message: 'hf:o/d:default:train:text has 4 rows with a prompt (and 1 without) for 5 requests',
      hint: 'Set n_prompts to 4 or less.',
    })
  })

  it('is behind a server that is not there', async () => {
    await server.close()
    expect(await failure('hf:o/d')).toMatchObject({
      code: 'DATASET_UNREACHABLE',
      kind: 'runtime',
      message: expect.stringMatching(
        /^the data set o\/d is not in the cache, and http:\/\/127.* cannot be reached: /,
      ),
      hint: expect.stringContaining('LLEM_DATASETS_SERVER'),
    })
  })

  it.for([
    [500, 'ResponseNotReady'],
    [429, 'too many requests'],
    [503, 'busy'],
  ] as const)(
    'for the moment (%d) is asked for again after the time that the server says',
    async ([status, error]) => {
      let refusals = 2
      server.intercept = (_, response) => {
        if (refusals === 0) return false
        refusals -= 1
        send(response, status, { error }, { 'retry-after': '0' })
        return true
      }
      expect(await texts('hf:o/d')).toHaveLength(3)
    },
  )

  it.for([
    [500, { error: 'it is broken' }, 'HTTP 500: it is broken'],
    [200, { splits: 'none' }, 'its answer has another form than documented'],
  ] as const)('for good (%d) is an error with what the server said', async ([status, body, why]) => {
    server.intercept = (_, response) => {
      send(response, status, body, { 'retry-after': '0' })
      return true
    }
    expect(await failure('hf:o/d')).toMatchObject({
      code: 'DATASET_SERVER_FAILED',
      kind: 'runtime',
      message: expect.stringContaining(why),
    })
  })

  it('gets no token over a connection that others may listen to', () => {
    // By name, so that it is not this machine to llem; the host has no address, so that nothing is sent.
    const entry = new URL('../../dist/prompts/hub/server.js', import.meta.url)
    const script = `
      const seen = []
      globalThis.fetch = async (url, options) => { seen.push([String(url), options.headers]); throw new Error('no') }
      const { fetchSplits } = await import(${JSON.stringify(fileURLToPath(entry))})
      await fetchSplits({ name: 'o/d', signal: undefined }).catch(() => undefined)
      console.log(JSON.stringify(seen))`
    const headers = (LLEM_DATASETS_SERVER: string) => {
      const env = { ...process.env, HF_TOKEN: 'hf_secret', LLEM_DATASETS_SERVER }
      const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], { env })
      return JSON.parse(String(printed))[0]
    }
    expect(headers('http://mirror.example/')).toEqual(['http://mirror.example/splits?dataset=o%2Fd', {}])
    expect(headers('https://mirror.example')[1]).toEqual({ authorization: 'Bearer hf_secret' })
  })
})

describe('a datasets server that does harm', () => {
  const answering = (content: Uint8Array | string, headers: Record<string, string> = {}) => {
    server.intercept = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(content)
      return true
    }
  }

  it('with a gzip bomb is read no further than a page may have', async () => {
    // 500 members of a megabyte each, so that the test itself holds no 500 MB.
    const bomb = Buffer.concat(Array<Buffer>(500).fill(gzipSync(Buffer.alloc(1e6))))
    answering(bomb, { 'content-encoding': 'gzip' })
    expect(await failure('hf:o/d')).toMatchObject({
      code: 'DATASET_SERVER_FAILED',
      message: expect.stringContaining('its answer is longer than 33554432 bytes'),
    })
    // Unpacked it would be 500 MB, and as much again as text.
    expect(process.memoryUsage().external).toBeLessThan(200e6)
  })

  it('with lists in lists without end has no answer', async () => {
    answering(`{"splits":${'['.repeat(20e6)}`)
    expect(await failure('hf:o/d')).toMatchObject({ code: 'DATASET_SERVER_FAILED' })
  })

  it('that redirects to itself cannot be reached', async () => {
    server.intercept = (request, response) => {
      response.writeHead(302, { location: request.url }).end()
      return true
    }
    expect(await failure('hf:o/d')).toMatchObject({ code: 'DATASET_UNREACHABLE' })
  })
})
