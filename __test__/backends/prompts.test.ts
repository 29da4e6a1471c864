import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { builtinPrompts } from '../../dist/prompts/builtin.js'
import { loadPrompts } from '../../dist/prompts/load.js'
import { scratchFolder } from './tiny-model.js'

const folder = scratchFolder()
const written = (name: string, content: string) => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}`).join('\n')
const words = (text: string) => text.split(/\s+/).length
const load = (source: Parameters<typeof loadPrompts>[0], count = 2, warmup = 1) =>
  loadPrompts(source, { count, warmup })

describe('built-in prompts', () => {
  it('are more than a hundred, all different, from a few words to hundreds', () => {
    expect(builtinPrompts.length).toBeGreaterThan(100)
    expect(new Set(builtinPrompts).size).toBe(builtinPrompts.length)
    const lengths = builtinPrompts.map(words)
    expect(Math.min(...lengths)).toBeLessThanOrEqual(5)
    expect(Math.max(...lengths)).toBeGreaterThan(250)
  })

  it('mix short and long ones from the start', () => {
    const lengths = builtinPrompts.slice(0, 10).map(words)
    expect(Math.max(...lengths)).toBeGreaterThan(5 * Math.min(...lengths))
  })
})

describe('loadPrompts', () => {
  it('never warms up with a prompt that is measured', async () => {
    for (const count of [1, 50, 100, 108, 500]) {
      const { prompts, warmup } = await load('builtin', count, 50)
      const measured = new Set(prompts.map(({ text }) => text))
      expect(prompts).toHaveLength(count)
      expect(warmup).toHaveLength(50)
      expect(warmup.some(({ text }) => measured.has(text))).toBe(false)
    }
  })

  it.for([
    ['the built-in ones', 'builtin', 100],
    ['synthetic ones', { synthetic: { input_len: 8, output_len: 8, seed: 1 } }, 40],
    ['a file with enough', () => written('many.txt', lines(200)), 40],
    ['a file with too few', () => written('eight.txt', lines(8)), 6],
    ['a file whose lines are all alike', () => written('same.txt', 'a\n'.repeat(90)), 30],
    ['a file that begins like a changed prompt', () => written('sly.txt', 'Warmup 1: b\nb\n'), 2],
  ] as const)(
    'warms up with other prompts than are measured, each once, from %s',
    async ([, source, count]) => {
      for (const order of ['interleaved', 'grouped', 'shuffled'] as const) {
        const { prompts, warmup } = await loadPrompts(typeof source === 'function' ? source() : source, {
          count,
          warmup: 30,
          dataset: { column: null, order, seed: 1, max_input_tokens: null },
        })
        const measured = new Set(prompts.map(({ text }) => text))
        const texts = warmup.map(({ text }) => text)
        expect(texts.length).toBeGreaterThanOrEqual(29)
        expect(texts.filter((text) => measured.has(text))).toEqual([])
        expect(new Set(texts).size).toBe(texts.length)
      }
    },
  )

  it('cuts every prompt, measured or not, to the most input tokens', async () => {
    const dataset = { column: null, order: 'interleaved' as const, seed: 1, max_input_tokens: 16 }
    const file = written(
      'lengths.jsonl',
      '"a"\n{"prompt": "b", "input_tokens": 9}\n{"prompt": "c", "input_tokens": 90}\n"d"',
    )
    const { prompts, warmup, hash } = await loadPrompts(file, { count: 3, warmup: 1, dataset })
    expect(prompts).toEqual([
      { text: 'a', max_input_tokens: 16 },
      { text: 'b', input_tokens: 9 },
      { text: 'c', input_tokens: 16 },
    ])
    expect(warmup).toEqual([{ text: 'd', max_input_tokens: 16 }])
    // Another length is another load.
    expect((await load(file, 3)).hash).not.toBe(hash)
  })

  it('takes the field of .jsonl that is named, text or a conversation', async () => {
    const dataset = { column: 'ask', order: 'interleaved' as const, seed: 1, max_input_tokens: null }
    const good = '{"ask": "a", "text": "t"}\n{"ask": [{"role": "user", "content": "b"}]}'
    const set = await loadPrompts(written('fields.jsonl', good), { count: 2, warmup: 0, dataset })
    expect(set.prompts.map(({ text }) => text)).toEqual(['a', 'b'])
    expect(set.column).toBe('ask')
    const bad = loadPrompts(written('nofield.jsonl', '{"text": "t"}\n"plain"'), {
      count: 1,
      warmup: 0,
      dataset,
    })
    await expect(bad).rejects.toThrow(
      'has 2 bad entries:\n  line 1: no text in "ask"\n  line 2: no text in "ask"',
    )
  })

  it('reads a line as a prompt from .txt and skips blank lines', async () => {
    const path = written('a.txt', '\uFEFFone\r\n\n  two \nthree\n')
    expect(await load(path)).toMatchObject({
      prompts: [{ text: 'one' }, { text: 'two' }],
      warmup: [{ text: 'three' }],
      source: path,
      notes: [],
    })
  })

  it('reads strings, prompts and texts from .jsonl, with exact lengths where they are given', async () => {
    const lines = [
      '"plain"',
      '{"prompt": "p", "id": 7}',
      '{"text": "t", "input_tokens": 9, "output_tokens": 4}',
    ]
    const { prompts } = await load(written('b.jsonl', lines.join('\n')), 3)
    expect(prompts).toEqual([
      { text: 'plain' },
      { text: 'p' },
      { text: 't', input_tokens: 9, output_tokens: 4 },
    ])
  })

  it('names every bad line at once', async () => {
    const lines = [
      '{"prompt": "good"}',
      '{oops',
      '',
      '{"promt": "x"}',
      '{"prompt": 5}',
      '{"text": " "}',
      '[1]',
    ]
    const error = await load(written('c.jsonl', lines.join('\n'))).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'PROMPTS_INVALID', kind: 'usage' })
    expect(error.message).toContain('has 5 bad entries')
    for (const line of [2, 4, 5, 6, 7]) expect(error.message).toContain(`line ${line}: `)
    expect(error.message).toContain('line 4: no text in "prompt", "text"')
  })

  it.each([
    ['a file that is not there', () => join(folder, 'none.txt'), 'cannot be read'],
    ['a file without prompts', () => written('empty.txt', '\n \n'), 'has no prompts'],
    [
      'a file of another kind',
      () => written('d.xml', '<a/>'),
      'ends in .txt, .jsonl, .ndjson, .json, .csv, .tsv',
    ],
  ])('refuses %s', async (_, path, message) => {
    await expect(load(path())).rejects.toMatchObject({
      code: 'PROMPTS_INVALID',
      kind: 'usage',
      message: expect.stringContaining(message),
    })
  })

  it('repeats prompts when there are too few, warms up with others, and says both', async () => {
    const { prompts, warmup, notes } = await load(written('few.txt', 'a\nb\n'), 5, 2)
    expect(prompts.map(({ text }) => text)).toEqual(['a', 'b', 'a', 'b', 'a'])
    expect(warmup.map(({ text }) => text)).toEqual(['Warmup 1: a', 'Warmup 2: b'])
    expect(notes).toEqual([
      expect.stringContaining('has 2 prompts for 5 requests; they are repeated'),
      expect.stringContaining(
        'has no prompts beside the measured ones for a warmup of up to 2; measured ones',
      ),
    ])
  })

  it('makes the same synthetic prompts from the same seed, each different, long enough to be cut', async () => {
    const synthetic = { input_len: 128, output_len: 32, seed: 3 }
    const first = await load({ synthetic }, 20, 5)
    const again = await load({ synthetic }, 20, 5)
    const other = await load({ synthetic: { ...synthetic, seed: 4 } }, 20, 5)
    expect(again).toEqual(first)
    expect(other.hash).not.toBe(first.hash)
    const texts = [...first.prompts, ...first.warmup].map(({ text }) => text)
    expect(new Set(texts).size).toBe(25)
    expect(texts.every((text) => words(text) === 128)).toBe(true)
    expect(first.prompts[0]).toMatchObject({ input_tokens: 128, output_tokens: 32 })
  })

  it('hashes what is measured, in order, and nothing else', async () => {
    const [ab, ba, longer] = await Promise.all([
      load(written('ab.txt', 'a\nb\n')),
      load(written('ba.txt', 'b\na\n')),
      load(written('abc.txt', 'a\nb\nc\n')),
    ])
    expect(ab.hash).toMatch(/^[0-9a-f]{64}$/)
    expect(ba.hash).not.toBe(ab.hash)
    expect(longer.hash).toBe(ab.hash)
  })
})

describe('the order', () => {
  const lengths = ['ccc', 'a', 'bb', 'A', 'dddd', 'e', 'f']
  const inOrder = async (order: 'interleaved' | 'grouped' | 'shuffled', seed = 42) => {
    const dataset = { column: null, order, seed, max_input_tokens: null }
    return loadPrompts(written('order.txt', lengths.join('\n')), { count: 5, warmup: 1, dataset })
  }
  const textsIn = async (...args: Parameters<typeof inOrder>) =>
    (await inOrder(...args)).prompts.map(({ text }) => text)

  it('interleaved is that of the source', async () => {
    expect(await textsIn('interleaved')).toEqual(lengths.slice(0, 5))
    expect(await inOrder('interleaved')).toMatchObject({ order: 'interleaved', seed: null })
  })

  it('grouped is from short to long, and among equals that of the source', async () => {
    expect(await textsIn('grouped')).toEqual(['a', 'A', 'bb', 'ccc', 'dddd'])
  })

  it('grouped goes by tokens where all prompts say how many', async () => {
    const text = '{"text": "long long", "input_tokens": 1}\n{"text": "s", "input_tokens": 7}'
    const dataset = { column: null, order: 'grouped' as const, seed: 1, max_input_tokens: null }
    const { prompts } = await loadPrompts(written('g.jsonl', text), { count: 2, warmup: 0, dataset })
    expect(prompts.map(({ input_tokens }) => input_tokens)).toEqual([1, 7])
  })

  it('shuffled is drawn from the seed, and the same again from the same', async () => {
    const drawn = await textsIn('shuffled')
    expect(await textsIn('shuffled')).toEqual(drawn)
    expect([...drawn].sort()).toEqual([...lengths.slice(0, 5)].sort())
    const others = await Promise.all([1, 2, 3, 4].map((seed) => textsIn('shuffled', seed)))
    expect(new Set([drawn, ...others].map(String)).size).toBeGreaterThan(2)
    expect(await inOrder('shuffled', 7)).toMatchObject({ order: 'shuffled', seed: 7 })
  })

  it('changes neither which prompts are measured nor what warms up, but the hash', async () => {
    const sets = await Promise.all(
      (['interleaved', 'grouped', 'shuffled'] as const).map((each) => inOrder(each)),
    )
    expect(new Set(sets.map(({ prompts }) => String(prompts.map(({ text }) => text).sort()))).size).toBe(1)
    expect(new Set(sets.map(({ warmup }) => JSON.stringify(warmup))).size).toBe(1)
    expect(new Set(sets.map(({ hash }) => hash)).size).toBe(3)
  })
})
