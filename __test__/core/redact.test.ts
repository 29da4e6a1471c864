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
    [
      'masks a key whosever it is',
      { env: { OPENAI_KEY: 'x', key: 'y' } },
      { env: { OPENAI_KEY: '[redacted]', key: '[redacted]' } },
    ],
    [
      'masks the login in an address',
      { base_url: 'https://me:pa55@host:8000/v1' },
      { base_url: 'https://[redacted]@host:8000/v1' },
    ],
    ['keeps an address without a login', { base_url: 'http://host:8000/v1?at=a@b' }, null],
    ['keeps what only ends like a key', { monkey: 'x', keyboard: 'y' }, null],
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
    [
      'a header',
      ['curl', '-H', 'Authorization: Bearer x', '-H', 'accept: text/plain'],
      ['curl', '-H', 'Authorization: [redacted]', '-H', 'accept: text/plain'],
    ],
    ['a query', ['curl', 'https://c/d?token=x'], ['curl', 'https://c/d?token=[redacted]']],
    ['a line of a shell', ['sh', '-c', 'serve --token=x'], ['sh', '-c', 'serve --token=[redacted]']],
    ['an address', ['curl', 'http://a:b@c/d'], ['curl', 'http://[redacted]@c/d']],
    ['--max-tokens 128', ['serve', '--max-tokens', '128'], ['serve', '--max-tokens', '128']],
    ['--max-tokens=128', ['serve', '--max-tokens=128'], ['serve', '--max-tokens=128']],
    ['--tokenizer path', ['serve', '--tokenizer', 'path'], ['serve', '--tokenizer', 'path']],
  ])('treats %s as what it is', (_, before, after) => {
    expect(redactArguments(before)).toEqual(after)
  })
})
