import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { builtinPrompts } from '../../dist/experiment/prompts/builtin.js'
import { loadPrompts } from '../../dist/experiment/prompts/load.js'
import { scratchFolder } from './tiny-model.js'

const folder = scratchFolder()
const written = (name: string, content: string) => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
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
      '{"question": "x"}',
      '{"prompt": 5}',
      '{"text": " "}',
      '[1]',
    ]
    const error = await load(written('c.jsonl', lines.join('\n'))).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'PROMPTS_INVALID', kind: 'usage' })
    expect(error.message).toContain('has 5 bad lines')
    for (const line of [2, 4, 5, 6, 7]) expect(error.message).toContain(`line ${line}: `)
    expect(error.message).toContain('line 4: neither "prompt" nor "text"')
  })

  it.each([
    ['a file that is not there', () => join(folder, 'none.txt'), 'cannot be read'],
    ['a file without prompts', () => written('empty.txt', '\n \n'), 'has no prompts'],
    ['a file of another kind', () => written('d.csv', 'a,b'), 'ends in .txt or .jsonl'],
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
    expect(warmup.every(({ text }) => builtinPrompts.includes(text))).toBe(true)
    expect(notes).toEqual([
      expect.stringContaining('has 2 prompts for 5 requests; they are repeated'),
      'all prompts are measured, so the warmup uses built-in ones',
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
