import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadPrompts, type PromptSet } from '../../dist/prompts/load.js'
import { scratchFolder } from '../native/scenario.js'

// Files as people have them, in their shapes and encodings.

const folder = scratchFolder()
let files = 0
function written(extension: string, content: string | Buffer): string {
  files += 1
  const path = join(folder, `prompts-${files}.${extension}`)
  writeFileSync(path, content)
  return path
}
const load = (path: string, count = 1, column: string | null = null): Promise<PromptSet> => {
  const dataset = { column, order: 'interleaved' as const, seed: 1, max_input_tokens: null }
  return loadPrompts(path, { count, warmup: 0, dataset })
}
const failure = (path: string, count = 1): Promise<{ message: string; code: string; hint: string }> =>
  load(path, count).then(
    () => Promise.reject(new Error('it was read')),
    (error) => error,
  )

const CHAT = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Hello' },
  { role: 'assistant', content: 'Hi' },
  { role: 'user', content: 'Again' },
]
const SHAREGPT = [
  { from: 'system', value: 'Be kind.' },
  { from: 'human', value: 'Who?' },
  { from: 'gpt', value: 'Me.' },
]

describe('a line of a .jsonl file', () => {
  it.each<[string, unknown, object, object[]]>([
    [
      'messages',
      { messages: CHAT },
      { system: 'Be brief.', text: 'Hello' },
      [
        { from: 'messages', as: 'text' },
        { from: 'messages', as: 'system' },
      ],
    ],
    [
      'a prompt that is messages',
      { prompt: CHAT },
      { system: 'Be brief.', text: 'Hello' },
      [
        { from: 'prompt', as: 'text' },
        { from: 'prompt', as: 'system' },
      ],
    ],
    [
      'ShareGPT',
      { id: 'x', conversations: SHAREGPT },
      { system: 'Be kind.', text: 'Who?' },
      [
        { from: 'conversations', as: 'text' },
        { from: 'conversations', as: 'system' },
      ],
    ],
    [
      'messages of parts',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'image_url' }] }] },
      { text: 'a' },
      [{ from: 'messages', as: 'text' }],
    ],
    [
      'an instruction with an input',
      { instruction: 'Sum', input: '1 2', output: '3' },
      { text: 'Sum\n\n1 2' },
      [{ from: 'instruction+input', as: 'text' }],
    ],
    [
      'an instruction without one',
      { instruction: 'Sum', input: '' },
      { text: 'Sum' },
      [{ from: 'instruction', as: 'text' }],
    ],
    [
      'an instruction with a context',
      { instruction: 'Sum', context: 'c' },
      { text: 'Sum\n\nc' },
      [{ from: 'instruction+context', as: 'text' }],
    ],
    ['a question', { question: 'Why?', answer: 'x' }, { text: 'Why?' }, [{ from: 'question', as: 'text' }]],
    [
      'turns of MT-Bench',
      { question_id: 81, turns: ['one', 'two'] },
      { text: 'one' },
      [{ from: 'turns[0]', as: 'text' }],
    ],
    [
      'turns of AIPerf',
      { session_id: 's', turns: [{ text: 'one' }, { text: 'two' }] },
      { text: 'one' },
      [{ from: 'turns[0].text', as: 'text' }],
    ],
    [
      'a text_input of AIPerf',
      { timestamp: 5, text_input: 'one', output_length: 9 },
      { text: 'one', output_tokens: 9 },
      [
        { from: 'text_input', as: 'text' },
        { from: 'output_length', as: 'output_tokens' },
      ],
    ],
    ['texts of AIPerf', { texts: ['a', 'b'] }, { text: 'a\nb' }, [{ from: 'texts', as: 'text' }]],
    [
      'a custom one of vLLM',
      { prompt: 'p', output_tokens: 7 },
      { text: 'p', output_tokens: 7 },
      [
        { from: 'prompt', as: 'text' },
        { from: 'output_tokens', as: 'output_tokens' },
      ],
    ],
    [
      'a custom one of vLLM without a length',
      { prompt: 'p', output_tokens: null },
      { text: 'p' },
      [{ from: 'prompt', as: 'text' }],
    ],
    [
      'a request of a batch',
      { custom_id: '1', body: { model: 'm', messages: CHAT } },
      { system: 'Be brief.', text: 'Hello' },
      [
        { from: 'body.messages', as: 'text' },
        { from: 'body.messages', as: 'system' },
      ],
    ],
    [
      'a system beside the prompt',
      { system_prompt: 'S', prompt: 'p' },
      { system: 'S', text: 'p' },
      [
        { from: 'prompt', as: 'text' },
        { from: 'system_prompt', as: 'system' },
      ],
    ],
  ])('may be %s', async (_, entry, prompt, taken) => {
    const set = await load(written('jsonl', `${JSON.stringify(entry)}\n`))
    expect(set.prompts).toEqual([prompt])
    expect(set.taken).toEqual(taken.map((each) => ({ ...each, count: 1 })))
  })

  it('of Mooncake has lengths, and shares the beginnings that it shared', async () => {
    const trace = (hash_ids: number[]) => ({ timestamp: 0, input_length: 1100, output_length: 52, hash_ids })
    const lines = [
      trace([1, 2, 3]),
      trace([1, 2, 9]),
      trace([5, 2, 3]),
      { input_length: 600, output_length: 1 },
    ]
    const set = await load(written('jsonl', lines.map((line) => JSON.stringify(line)).join('\n')), 4)
    expect(set.prompts.map(({ input_tokens, output_tokens }) => [input_tokens, output_tokens])).toEqual([
      [1100, 52],
      [1100, 52],
      [1100, 52],
      [600, 1],
    ])
    const words = set.prompts.map(({ text }) => text.split(' '))
    expect(words.map(({ length }) => length)).toEqual([1100, 1100, 1100, 600])
    const shared = (a: number, b: number) => {
      const differs = words[a]?.findIndex((word, index) => word !== words[b]?.[index]) ?? -1
      return differs
    }
    expect(shared(0, 1)).toBeGreaterThanOrEqual(1024)
    expect(shared(0, 1)).toBeLessThan(1030)
    expect(shared(0, 2)).toBeLessThan(5)
    expect(set.taken).toContainEqual({ from: 'hash_ids', as: 'text', count: 3 })
    expect(set.notes.join()).toContain('its times are not replayed')
  })

  it('is refused with what it has instead', async () => {
    const { message, code } = await failure(
      written(
        'jsonl',
        '{"promt": "x", "id": 1}\n{"messages": [{"role": "assistant", "content": "a"}]}\n{"prompt": "p", "output_tokens": 0}',
      ),
    )
    expect(code).toBe('PROMPTS_INVALID')
    expect(message).toContain('has 3 bad entries')
    expect(message).toContain(
      'line 1: no text in "prompt", "text" or another field that llem knows: it has "promt", "id"',
    )
    expect(message).toContain('line 2: no message of a user in "messages"')
    expect(message).toContain('line 3: output_tokens: ')
  })

  it('is read no further than needed', async () => {
    const path = written('jsonl', '"a"\n"b"\n{broken')
    expect((await load(path, 2)).prompts).toEqual([{ text: 'a' }, { text: 'b' }])
    expect((await failure(path, 3)).message).toContain('line 3: no JSON')
  })
})

describe('a .json file', () => {
  it.each([
    ['a list', [{ conversations: SHAREGPT }, { conversations: [{ from: 'human', value: 'b "]}," \\' }] }]],
    ['a mapping with a list', { data: [{ conversations: SHAREGPT }, { prompt: 'b "]}," \\' }] }],
  ])('is %s, however it is written', async (_, content) => {
    for (const space of [0, 2]) {
      const set = await load(written('json', JSON.stringify(content, null, space)), 2)
      expect(set.prompts).toEqual([{ system: 'Be kind.', text: 'Who?' }, { text: 'b "]}," \\' }])
    }
  })

  it('is refused where it is cut off', async () => {
    const text = JSON.stringify([{ prompt: 'a' }, { prompt: 'b' }])
    expect((await failure(written('json', text.slice(0, -4)), 2)).message).toContain('entry 2: no JSON')
  })
})

describe('a .csv file', () => {
  it.each([
    ['commas', 'csv', 'id,prompt\n1,"a, ""b""\nc"\n2,d\n'],
    ['semicolons', 'csv', 'id;prompt\r\n1;"a, ""b""\nc"\r\n2;d'],
    ['tabs', 'tsv', 'id\tprompt\n1\t"a, ""b""\nc"\n2\td\n'],
  ])('has %s', async (_, extension, text) => {
    const set = await load(written(extension, text), 2)
    expect(set.prompts).toEqual([{ text: 'a, "b"\nc' }, { text: 'd' }])
    expect(set).toMatchObject({ column: 'prompt', taken: [{ from: 'prompt', as: 'text', count: 2 }] })
  })

  it('has lengths, instructions with inputs, and rows without a prompt', async () => {
    const text = 'instruction,input,output_tokens\nSum,1 2,7\n,,\nAsk,,\n'
    const set = await load(written('csv', text), 2)
    expect(set.prompts).toEqual([{ text: 'Sum\n\n1 2', output_tokens: 7 }, { text: 'Ask' }])
    expect(set.notes).toEqual([expect.stringContaining('1 rows of')])
  })

  it.each([
    ['a quote that is not closed', 'prompt\n"a\nb\n', 'line 2: a quote that is opened is not closed'],
    ['more fields than columns', 'prompt\na,b\n', 'line 2: 2 fields for 1 columns'],
  ])('is refused with %s', async (_, text, why) => {
    expect((await failure(written('csv', text))).message).toContain(why)
  })

  it('asks which column it is where that is not clear', async () => {
    const path = written('csv', 'a,b\n1,2\n')
    expect(await failure(path)).toMatchObject({
      code: 'DATASET_COLUMN_UNCLEAR',
      hint: expect.stringContaining('dataset.column: a, b'),
    })
    expect((await load(path, 1, 'b')).prompts).toEqual([{ text: '2' }])
  })
})

describe('what would be measured as something that nobody asked for', () => {
  it.each([
    [
      'a pointer of Git LFS',
      'txt',
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
      'it is a pointer of Git LFS and not the file itself; fetch that with git lfs pull',
    ],
    ['a page', 'txt', '<!DOCTYPE html><html><body>404</body></html>', 'it is a page of HTML'],
    ['a page as lines', 'jsonl', '\n<html lang="en">\n', 'it is a page of HTML'],
    [
      'columns of JSON',
      'json',
      '{"prompt": ["a", "b"], "answer": ["c", "d"]}',
      'entry 1: "prompt" is a list of 2 texts',
    ],
    ['a list in a line', 'jsonl', '"ok"\n{"prompt": ["a", "b"]}', 'line 2: "prompt" is a list of 2 texts'],
    [
      'messages that are no JSON',
      'jsonl',
      "{\"messages\": \"[{'role': 'user', 'content': 'x'}]\"}",
      'line 1: "messages" is a text and no list of messages',
    ],
    ['a file without a header', 'csv', 'What is one?\nWhat is two?\n', 'looks like a prompt: "What is one?"'],
    ['two columns of one name', 'csv', 'prompt,prompt\na,b\n', 'has 2 columns "prompt"'],
  ])('is refused: %s', async (_, extension, text, why) => {
    expect((await failure(written(extension, text), 2)).message).toContain(why)
  })

  it('is read where it is clear', async () => {
    const messages = JSON.stringify({ messages: JSON.stringify(CHAT) })
    expect((await load(written('jsonl', messages))).prompts).toEqual([{ system: 'Be brief.', text: 'Hello' }])
    expect((await load(written('txt', 'one\rtwo\rthree'), 3)).prompts.map(({ text }) => text)).toEqual([
      ...['one', 'two', 'three'],
    ])
    expect((await load(written('jsonl', '{"prompt": ["a"]}'))).prompts).toEqual([{ text: 'a' }])
    const python = '{"prompt": "a NaN", "score": NaN, "low": -Infinity}\n{"prompt": "b"}'
    expect((await load(written('jsonl', python), 2)).prompts).toEqual([{ text: 'a NaN' }, { text: 'b' }])
  })

  it('is left out with its count where others are prompts', async () => {
    const conversations = [
      { conversations: SHAREGPT },
      { conversations: [] },
      { conversations: [{ from: 'gpt', value: 'x' }] },
      { conversations: [{ from: 'human', value: 'Hi' }] },
    ]
    const shared = await load(written('json', JSON.stringify(conversations)), 2)
    expect(shared.prompts.map(({ text }) => text)).toEqual(['Who?', 'Hi'])
    expect(shared.notes).toEqual([expect.stringMatching(/^2 rows of .* have no prompt and are left out$/)])
    const turns =
      '{"text": "A", "role": "prompter"}\n{"text": "B", "role": "assistant"}\n{"text": "C", "role": "prompter"}'
    const assistant = await load(written('jsonl', turns), 2)
    expect(assistant.prompts.map(({ text }) => text)).toEqual(['A', 'C'])
    expect(assistant.notes).toEqual([expect.stringMatching(/^1 rows of/)])
    const none = await failure(written('json', JSON.stringify(conversations.slice(1, 3))))
    expect(none.message).toContain('entry 1: no message of a user in "conversations"')
  })

  it('of JSON under the name of plain text is refused, and a text in braces is not', async () => {
    const { message } = await failure(written('txt', '{"prompt": "a"}\n{"prompt": "b"}\n'))
    expect(message).toContain(
      "line 1 is an entry of JSON, which would be sent with its braces; let the file's name end in .jsonl",
    )
    for (const text of [
      '# mine\n{"prompt": "a"}\n',
      '[{"prompt": "a"}, {"prompt": "b"}]\n',
      '[\n{"prompt": "a"},\n{"prompt": "b"}]\n',
    ])
      expect((await failure(written('txt', text), 2)).message).toContain('is an entry of JSON')
    expect((await load(written('txt', '{a set} of words\n'))).prompts).toMatchObject([
      { text: '{a set} of words' },
    ])
  })

  it('is told of where it is not sent', async () => {
    const lines = [
      { prompt: 'a', image: 'a.png' },
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'b' }, { type: 'image_url' }] }] },
      { prompt: 'c', max_tokens: 7 },
      { body: { messages: CHAT, max_tokens: 7 } },
      { prompt: 'd', images: [], max_tokens: null },
    ]
    const path = written('jsonl', lines.map((line) => JSON.stringify(line)).join('\n'))
    expect((await load(path, 5)).notes).toEqual([
      `2 prompts of ${path} have images or other parts that are no text; only their text is sent`,
      expect.stringMatching(/^2 prompts of .* have a limit of their own/),
    ])
    const tools = '{"messages": [{"role": "user", "content": "u"}], "tools": [{}], "temperature": 0.9}'
    expect((await load(written('jsonl', tools))).notes).toEqual([
      expect.stringMatching(/^1 prompts of .* have settings of a request \(such as tools or temperature\)/),
    ])
    expect((await load(written('csv', 'words\na\n'))).notes).toEqual([
      expect.stringContaining('is taken for its header, and "words" for the name of its prompts'),
    ])
  })
})

describe('an encoding', () => {
  const TEXT = '{"prompt": "Grüße 漢字 🦙"}\n{"prompt": "b"}\n'
  const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16()

  it.each([
    ['UTF-8', Buffer.from(TEXT)],
    ['UTF-8 with its mark', Buffer.from(`\uFEFF${TEXT}`)],
    ['UTF-16 of little ends with its mark', Buffer.from(`\uFEFF${TEXT}`, 'utf16le')],
    ['UTF-16 of big ends with its mark', utf16be(`\uFEFF${TEXT}`)],
    ['UTF-16 of little ends, by its NULs', Buffer.from(TEXT, 'utf16le')],
    ['UTF-16 of big ends, by its NULs', utf16be(TEXT)],
  ])('is found: %s', async (_, bytes) => {
    expect((await load(written('jsonl', bytes), 2)).prompts).toEqual([
      { text: 'Grüße 漢字 🦙' },
      { text: 'b' },
    ])
  })

  it('is found over the edges of what is read at once', async () => {
    for (const shift of [0, 1, 2, 3]) {
      const long = `${'x'.repeat(1024 * 1024 - 20 + shift)}🦙漢${'y'.repeat(40)}`
      for (const bytes of [Buffer.from(`${long}\n`), Buffer.from(`\uFEFF${long}\n`, 'utf16le')])
        expect((await load(written('txt', bytes))).prompts).toEqual([{ text: long }])
    }
  })

  const LATIN = Buffer.concat([
    Buffer.from('{"prompt": "ok"}\n{"prompt": "Gr'),
    Buffer.of(0xfc),
    Buffer.from('n"}\n'),
  ])
  it.each<[string, Buffer, string]>([
    ['Latin letters', LATIN, 'byte 31 (0xFC, line 2) is no UTF-8; where it is Windows-1252'],
    [
      'Latin letters far behind',
      Buffer.concat([Buffer.from('"a"\n'.repeat(400_000)), LATIN]),
      'byte 1600031 (0xFC, line 400002) is no UTF-8',
    ],
    ['a NUL', Buffer.from('"a"\n"b\0c"\n'), 'byte 6 (0x00, line 2) is a NUL'],
    [
      'half a character',
      Buffer.from('"ä').subarray(0, 2),
      'is the beginning of a character that does not end',
    ],
    [
      'half a character of UTF-16',
      Buffer.from('\uFEFF"\uD83E"\n', 'utf16le'),
      'byte 4 (0x3E, line 1) is half a character',
    ],
    ['gzip', Buffer.of(0x1f, 0x8b, 8, 0), 'unpack it with gunzip'],
    ['UTF-32', Buffer.of(0xff, 0xfe, 0, 0, 0x61, 0, 0, 0), 'it is UTF-32'],
  ])('is refused with the byte: %s', async (_, bytes, why) => {
    const error = await failure(written('jsonl', bytes), 1_000_000)
    expect(error.code).toBe('PROMPTS_INVALID')
    expect(error.message).toContain(why)
  })
})
