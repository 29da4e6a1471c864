// Which model of a list is the one that was asked for, by whatever the list says of it.

import { describe, expect, it } from 'vitest'
import { modelList } from '../../dist/backends/server/model-list.js'
import {
  type AskedModel,
  mayAnswer,
  otherRoot,
  resolveModel,
} from '../../dist/backends/server/served-model.js'

const asking = (model: string, more: Partial<AskedModel> = {}): AskedModel => ({
  model,
  name: null,
  servedAs: null,
  isStartedWith: false,
  ...more,
})
const vllm = (id: string, more: object = {}) => ({ id, owned_by: 'vllm', max_model_len: 4096, ...more })
const of = (...data: object[]) => modelList({ object: 'list', data }) ?? []

describe('a model is found', () => {
  it.for([
    ['by its own name', asking('A'), of(vllm('A'), vllm('B')), 'A', 'listed'],
    ['by another spelling', asking('llama3.2'), of({ id: 'llama3.2:latest' }), 'llama3.2:latest', 'listed'],
    ['by the name of its file', asking('/m/a-q4.gguf'), of({ id: 'a-q4.gguf' }), 'a-q4.gguf', 'alike'],
    ['by what its name stands for', asking('owner/a'), of(vllm('gpt', { root: 'owner/a' })), 'gpt', 'root'],
    [
      'by one of several names for it',
      asking('owner/a'),
      of(vllm('x', { root: 'owner/a' }), vllm('y', { root: 'owner/a' })),
      'x',
      'root',
    ],
    ['by an alias', asking('owner/a'), of({ id: 'x', aliases: ['owner/a'] }), 'x', 'listed'],
    [
      'as an adapter',
      asking('sql'),
      of(vllm('base'), vllm('sql', { parent: 'base', root: '/l/sql' })),
      'sql',
      'listed',
    ],
    [
      'as an adapter by its folder',
      asking('/l/sql-lora'),
      of(vllm('base'), vllm('s', { parent: 'base', root: '/l/sql-lora' })),
      's',
      'root',
    ],
    [
      'by a pattern of a proxy, which knows the name itself',
      asking('openai/gpt-4o'),
      of({ id: 'openai/*' }),
      'openai/gpt-4o',
      'pattern',
    ],
    ['before a pattern', asking('gpt-4o'), of({ id: '*' }, { id: 'gpt-4o' }), 'gpt-4o', 'listed'],
    [
      'by the name that the configuration gives it',
      asking('A', { name: 'b' }),
      of({ id: 'a' }, { id: 'b' }),
      'b',
      'named',
    ],
    ['by the pattern that covers that name', asking('A', { name: 'x/b' }), of({ id: 'x/*' }), 'x/b', 'named'],
    [
      'as served_as says',
      asking('A', { servedAs: 'fast' }),
      of({ id: 'fast' }, { id: 'slow' }),
      'fast',
      'served_as',
    ],
    [
      'by itself rather than by served_as',
      asking('A', { servedAs: 'fast' }),
      of({ id: 'fast' }, { id: 'A' }),
      'A',
      'listed',
    ],
    [
      'as what llem started',
      asking('/m/a.gguf', { isStartedWith: true }),
      of({ id: 'default' }),
      'default',
      'started',
    ],
    [
      'as what llem started, and not as its adapter',
      asking('/m/a', { isStartedWith: true }),
      of(vllm('served'), vllm('lora', { parent: 'served' })),
      'served',
      'started',
    ],
    [
      'as a deployment that no list has, where that is said twice',
      asking('gpt-4o', { name: 'prod', servedAs: 'prod' }),
      of({ id: 'gpt-4o' }),
      'prod',
      'served_as',
    ],
    ['where nothing is listed', asking('A'), [], 'A', 'unlisted'],
    ['by the name in requests where nothing is listed', asking('A', { name: 'b' }), [], 'b', 'unlisted'],
  ] as const)('%s', ([, asked, listed, name, by]) => {
    expect(resolveModel(asked, listed)).toMatchObject({ name, by })
  })
})

describe('a model is not found', () => {
  it.for([
    ['where one other is listed', asking('A'), of({ id: 'B' })],
    ['where several others are', asking('A'), of({ id: 'B' }, { id: 'C' })],
    ['where two fit alike', asking('a-q4.gguf'), of({ id: '/x/a-q4.gguf' }, { id: '/y/a-q4.gguf' })],
    [
      'where the name in requests is not listed, whatever the model is',
      asking('A', { name: 'b' }),
      of({ id: 'A' }),
    ],
    [
      'where the name in requests is not listed and served_as is another',
      asking('A', { name: 'b', servedAs: 'c' }),
      of({ id: 'A' }, { id: 'c' }),
    ],
    ['where served_as is not listed either', asking('A', { servedAs: 'fast' }), of({ id: 'slow' })],
    [
      'where llem started a server that lists several',
      asking('A', { isStartedWith: true }),
      of({ id: 'x' }, { id: 'y' }),
    ],
  ] as const)('%s', ([, asked, listed]) => {
    expect(resolveModel(asked, listed)).toBeNull()
  })
})

describe('the root of a name', () => {
  const root = 'acme/A-7b'
  const both = of(vllm('acme/A-7b', { root }), vllm('acme/B-7b', { root }))
  const alias = of(vllm('gpt-3.5-turbo', { root }))
  it.for([
    ['speaks against a second name for other weights', asking('acme/B-7b'), both, root],
    ['says nothing against its own name', asking('acme/A-7b'), both, null],
    ['is what served_as means', asking('acme/B-7b', { servedAs: root }), both, null],
    ['is that of an alias that is asked for', asking(root, { name: 'gpt-3.5-turbo' }), alias, null],
    [
      'is that of an alias that is said twice',
      asking('acme/B-7b', { name: 'gpt-3.5-turbo', servedAs: 'gpt-3.5-turbo' }),
      alias,
      null,
    ],
    ['of an alias is another model', asking('acme/B-7b', { name: 'gpt-3.5-turbo' }), alias, root],
    [
      'is the base of an adapter',
      asking('acme/sql'),
      of(vllm('acme/A-7b', { root }), vllm('acme/sql', { root, parent: root })),
      null,
    ],
    ['is nothing new to who started it', asking('acme/B-7b', { isStartedWith: true }), both, null],
  ] as const)('%s', ([, asked, listed, other]) => {
    const resolved = resolveModel(asked, listed)
    expect(resolved === null ? 'not found' : otherRoot(asked, resolved)).toBe(other)
  })
})

describe('a list', () => {
  it.for([
    ['of OpenAI', { object: 'list', data: [{ id: 'a' }] }, ['a']],
    ['that is an array', [{ id: 'a' }, { id: 'b' }], ['a', 'b']],
    ['under another key', { models: [{ id: 'a' }] }, ['a']],
    [
      'with odd entries',
      { data: [{ id: 'a' }, { id: 7 }, null, 'x', { name: 'y' }, { id: 'b' }] },
      ['a', 'b'],
    ],
    [
      'with odd values',
      { data: [{ id: 'a', owned_by: 3, max_model_len: 'long', meta: [], aliases: {} }] },
      ['a'],
    ],
    ['that is empty', { data: [] }, []],
  ] as const)('%s is read', ([, json, ids]) => {
    expect(modelList(json)?.map(({ id }) => id)).toEqual(ids)
  })

  it.for([
    ['no object', 'ok'],
    ['nothing', undefined],
    ['an error', { error: 'x' }],
  ] as const)('that is %s is none', ([, json]) => expect(modelList(json)).toBeNull())

  it('of 600 models takes no time and finds one', () => {
    const listed = of(...Array.from({ length: 600 }, (_, index) => ({ id: `owner/model-x${index}` })))
    expect(resolveModel(asking('owner/model-x599'), listed)).toMatchObject({ by: 'listed' })
    expect(resolveModel(asking('owner/other'), listed)).toBeNull()
  })
})

describe('an answer', () => {
  const fits = (asked: AskedModel, listed: ReturnType<typeof of>, answered: string) => {
    const resolved = resolveModel(asked, listed)
    if (resolved === null) throw new Error('it is not found')
    return mayAnswer(asked, resolved, answered)
  }

  it.for([
    ['under the name it was asked by', asking('A'), of({ id: 'A' }), 'A', true],
    ['under a dated name', asking('gpt-4o'), of({ id: 'gpt-4o' }), 'gpt-4o-2024-08-06', true],
    [
      'under what the name stands for',
      asking('fast'),
      of(vllm('fast', { root: 'owner/a' })),
      'owner/a',
      true,
    ],
    ['without the provider', asking('openai/gpt-4o'), of({ id: 'openai/*' }), 'gpt-4o', true],
    ['as served_as says', asking('fast', { servedAs: 'llama-3' }), of({ id: 'fast' }), 'llama-3', true],
    [
      'as the model where the name in requests is another',
      asking('owner/a', { name: 'tgi' }),
      of({ id: 'tgi' }),
      'owner/a',
      true,
    ],
    [
      'under any name, of what llem started with the model',
      asking('a.gguf', { isStartedWith: true }),
      of({ id: 'a.gguf' }),
      'gpt-3.5-turbo',
      true,
    ],
    ['as another model', asking('A'), of({ id: 'A' }), 'B', false],
    [
      'as what an alias stands for, where nothing says that it does',
      asking('fast'),
      of({ id: 'fast' }),
      'llama-3',
      false,
    ],
    ['as another, of a list that is a pattern', asking('acme/a-7b'), of({ id: '*' }), 'acme/b-1b', false],
    ['as another of its provider', asking('openai/gpt-4o'), of({ id: 'openai/*' }), 'openai/gpt-4', false],
    ['with a date, of a pattern', asking('gpt-4o'), of({ id: '*' }), 'gpt-4o-2024-08-06', true],
    ['as a smaller one', asking('gpt-4o'), of({ id: 'gpt-4o' }), 'gpt-4o-mini', false],
    ['as another, where nothing is listed', asking('A'), [], 'B', false],
  ] as const)('%s', ([, asked, listed, answered, may]) => {
    expect(fits(asked, [...listed], answered)).toBe(may)
  })
})
