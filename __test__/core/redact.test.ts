import { describe, expect, it } from 'vitest'
import { redact, redactArguments } from '../../dist/core/redact.js'

describe('redaction', () => {
  it.each([
    ['masks text under a name that sounds like a secret', { api_key: 'x' }, { api_key: '[redacted]' }],
    ['masks all text below such a name', { secrets: { a: ['x'] } }, { secrets: { a: ['[redacted]'] } }],
    [
      'masks what follows such an option in a command',
      { server: { command: ['serve', '--api-key', 'x', '--port', '8000'] } },
      { server: { command: ['serve', '--api-key', '[redacted]', '--port', '8000'] } },
    ],
    ['keeps the name of the variable with a key', { api_key_env: 'MY_KEY' }, null],
    ['keeps what counts tokens', { max_tokens: 128, tokens_per_second: 9.5 }, null],
    ['keeps the tokenizer', { tokenizer: 'path', tokenizer_json: 'path' }, null],
    ['keeps null, numbers and flags', { password: null, token: true, list: [1, 'a'] }, null],
  ])('%s', (_, before, after) => {
    expect(redact(before)).toEqual(after ?? before)
  })

  it.each([
    ['--api-key=x', ['serve', '--api-key=x'], ['serve', '--api-key=[redacted]']],
    ['--api-key x', ['serve', '--api-key', 'x', 'y'], ['serve', '--api-key', '[redacted]', 'y']],
    ['HF_TOKEN=x', ['env', 'HF_TOKEN=hf_x', 'python'], ['env', 'HF_TOKEN=[redacted]', 'python']],
    ['--max-tokens 128', ['serve', '--max-tokens', '128'], ['serve', '--max-tokens', '128']],
    ['--max-tokens=128', ['serve', '--max-tokens=128'], ['serve', '--max-tokens=128']],
    ['--tokenizer path', ['serve', '--tokenizer', 'path'], ['serve', '--tokenizer', 'path']],
  ])('treats %s as what it is', (_, before, after) => {
    expect(redactArguments(before)).toEqual(after)
  })
})
