import { describe, expect, it } from 'vitest'
import { likenessOf } from '../../dist/core/model-names.js'
import { bareName, type HubName, namedModel } from '../../dist/core/named-model.js'
import { chooseFiles } from '../../dist/registry/choose-files.js'

const GIB = 2 ** 30
const repository = (...paths: string[]) => paths.map((path, index) => ({ path, bytes: (index + 1) * GIB }))
/** As publishers of quantised models name their files. */
const QUANTS = repository(
  'Llama-3.2-1B-Instruct-Q4_K_M.gguf',
  'Llama-3.2-1B-Instruct-Q4_K_S.gguf',
  'Llama-3.2-1B-Instruct-Q8_0.gguf',
  'Llama-3.2-1B-Instruct-IQ3_M.gguf',
  'Llama-3.2-1B-Instruct-f16.gguf',
  'Llama-3.2-1B-Instruct.imatrix',
  'mmproj-model-f16.gguf',
)
const PARTS = repository(
  'UD-Q4_K_XL/R1-UD-Q4_K_XL-00002-of-00003.gguf',
  'UD-Q4_K_XL/R1-UD-Q4_K_XL-00001-of-00003.gguf',
  'UD-Q4_K_XL/R1-UD-Q4_K_XL-00003-of-00003.gguf',
  'BF16/R1-BF16-00001-of-00002.gguf',
  'BF16/R1-BF16-00002-of-00002.gguf',
)

const choose = (
  name: string,
  files: { path: string; bytes: number }[],
  takes: 'gguf' | 'folder' | 'either' = 'gguf',
) => chooseFiles(namedModel(name) as HubName, files, takes).files.map(({ path }) => path)
function refusal(
  name: string,
  files: { path: string; bytes: number }[],
  takes?: 'gguf' | 'folder' | 'either',
) {
  try {
    choose(name, files, takes)
  } catch (error) {
    return error
  }
  throw new Error('something was chosen')
}

describe('the file that is meant', () => {
  it.each([
    ['Q4_K_M', 'Llama-3.2-1B-Instruct-Q4_K_M.gguf'],
    ['q4_k_m', 'Llama-3.2-1B-Instruct-Q4_K_M.gguf'],
    ['F16', 'Llama-3.2-1B-Instruct-f16.gguf'],
    ['iq3_m', 'Llama-3.2-1B-Instruct-IQ3_M.gguf'],
    ['Llama-3.2-1B-Instruct-Q8_0.gguf', 'Llama-3.2-1B-Instruct-Q8_0.gguf'],
    ['llama-3.2-1b-instruct-q8_0', 'Llama-3.2-1B-Instruct-Q8_0.gguf'],
  ])('is found by %s', (selector, path) => {
    expect(choose(`hf:o/r:${selector}`, QUANTS)).toEqual([path])
  })

  it.each([
    'UD-Q4_K_XL',
    'Q4_K_XL',
    'R1-UD-Q4_K_XL-00002-of-00003.gguf',
    'UD-Q4_K_XL/R1-UD-Q4_K_XL-00001-of-00003.gguf',
  ])('has all its parts in order, named %s', (selector) => {
    expect(choose(`hf:o/r:${selector}`, PARTS)).toEqual(
      [1, 2, 3].map((part) => `UD-Q4_K_XL/R1-UD-Q4_K_XL-0000${part}-of-00003.gguf`),
    )
  })

  it('need not be named where there is one', () => {
    expect(choose('hf:o/r', repository('m.gguf', 'README.md', 'mmproj-m.gguf'))).toEqual(['m.gguf'])
  })

  it('is not guessed where there are several, which are listed', () => {
    expect(refusal('hf:o/r', QUANTS)).toMatchObject({
      code: 'MODEL_UNCLEAR',
      kind: 'usage',
      message:
        'o/r has 5 models: Q4_K_M (1.07 GB), Q4_K_S (2.15 GB), Q8_0 (3.22 GB), IQ3_M (4.29 GB), F16 (5.37 GB)',
      hint: 'Name one, as in -m hf:o/r:Q4_K_M',
    })
  })

  it('is not guessed where two are packed alike; what is to be typed is a file', () => {
    const two = repository('a-Q4_K_M.gguf', 'b-Q4_K_M.gguf')
    expect(refusal('hf:o/r:Q4_K_M', two)).toMatchObject({
      code: 'MODEL_UNCLEAR',
      message: 'o/r has for Q4_K_M 2 models: a-Q4_K_M.gguf (1.07 GB), b-Q4_K_M.gguf (2.15 GB)',
      hint: 'Name one, as in -m hf:o/r:a-Q4_K_M.gguf',
    })
  })

  it('that is misspelt is guessed at, and what there is is listed', () => {
    expect(refusal('hf:o/r:Q4_KM', QUANTS)).toMatchObject({
      code: 'MODEL_NOT_FOUND',
      hint: expect.stringMatching(/^Did you mean hf:o\/r:Q4_K_M\? It has Q4_K_M \(1\.07 GB\)/),
    })
    expect(refusal('hf:o/r:something-else.gguf', QUANTS)).toMatchObject({
      hint: expect.stringMatching(/^It has /),
    })
  })

  it('Q4_K is no Q4_K_M', () => {
    expect(refusal('hf:o/r:Q4_K', QUANTS)).toMatchObject({ code: 'MODEL_NOT_FOUND' })
  })
})

describe('a folder of safetensors', () => {
  const folder = repository(
    'config.json',
    'model.safetensors',
    'tokenizer.json',
    'sub/model.safetensors',
    'x.bin',
  )

  it('is taken by whoever takes folders, and by whoever takes either', () => {
    const wanted = ['model.safetensors', 'config.json', 'tokenizer.json']
    expect(choose('hf:o/r', folder, 'folder')).toEqual(wanted)
    expect(choose('hf:o/r', [...folder, ...QUANTS], 'either')).toEqual(wanted)
    expect(choose('hf:o/r:Q8_0', [...folder, ...QUANTS], 'either')).toEqual([
      'Llama-3.2-1B-Instruct-Q8_0.gguf',
    ])
  })

  it.each([
    ['gguf', folder, '-b pytorch'],
    ['folder', QUANTS, '-b llamacpp'],
  ] as const)('that is not there says which backend runs what is (%s)', (takes, files, hint) => {
    expect(refusal('hf:o/r', [...files], takes)).toMatchObject({
      code: 'MODEL_NOT_FOUND',
      hint: expect.stringContaining(hint),
    })
  })

  it('has no part that could be named', () => {
    expect(refusal('hf:o/r:Q8_0', folder, 'folder')).toMatchObject({
      code: 'MODEL_NAME_INVALID',
      hint: expect.stringContaining('hf:o/r,'),
    })
  })
})

describe('a name', () => {
  it.each([
    ['hf:o/r', { repository: 'o/r', revision: null, selector: null }],
    [
      'hf:o/r.x-GGUF@refs/pr/1:sub/f.gguf',
      { repository: 'o/r.x-GGUF', revision: 'refs/pr/1', selector: 'sub/f.gguf' },
    ],
    [
      'ollama:llama3.2',
      { host: 'registry.ollama.ai', namespace: 'library', model: 'llama3.2', tag: 'latest' },
    ],
    ['ollama:me/x:1b-q4_0', { host: 'registry.ollama.ai', namespace: 'me', model: 'x', tag: '1b-q4_0' }],
    ['ollama:hf.co/o/r:Q4_K_M', { host: 'hf.co', namespace: 'o', model: 'r', tag: 'Q4_K_M' }],
    ['ollama:localhost:5000/o/r', { host: 'localhost:5000', namespace: 'o', model: 'r', tag: 'latest' }],
  ])('%s is taken apart', (name, parts) => {
    expect(namedModel(name)).toMatchObject(parts)
  })

  it.each(['m.gguf', './hf/o/r', 'o/r', 'gpt2', 'C:/x', 'folder/hf:x'])('%s is none', (model) => {
    expect(namedModel(model)).toBeNull()
  })

  it.each([
    'hf:',
    'hf:/etc/passwd',
    'hf:../../x',
    'hf:o/..',
    'hf:o/r:../../x',
    'hf:o/r:/etc/x',
    'hf:o/r@../x',
    'hf:a/b/c',
    'hf:o/r:',
    'ollama:',
    'ollama:../x',
    'ollama:a/../b',
    'ollama:x:..',
    'https://huggingface.co/o/r',
  ])('%s is refused, with what to type', (model) => {
    expect(() => namedModel(model)).toThrow(
      expect.objectContaining({ code: 'MODEL_NAME_INVALID', kind: 'usage' }),
    )
  })

  it('is the same model as the server that serves it calls it', () => {
    expect(likenessOf('ollama:llama3.2', 'llama3.2:latest')).toBe('same')
    expect(likenessOf('hf:o/r-GGUF:Q4_K_M', 'o/r-GGUF:Q4_K_M')).toBe('same')
    expect(likenessOf('hf:o/r@abc', 'o/r')).toBe('same')
    expect(likenessOf('hf:o/r', 'o/other')).toBeNull()
    expect(bareName('ollama:me/x:1b')).toBe('me/x:1b')
    expect(bareName('hf:o/r@abc:Q4_0')).toBe('o/r:Q4_0')
  })
})
