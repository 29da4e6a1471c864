import { describe, expect, it } from 'vitest'
import { apiKeyOf } from '../../dist/backends/server/api-key.js'
import { mayCarryKey } from '../../dist/core/key-policy.js'
import { printable, printableJson, printableLines, withoutColour } from '../../dist/core/printable.js'

describe('a key', () => {
  it.each([
    ['https://anywhere.example/v1', [], true],
    ['http://localhost:8000', [], true],
    ['http://127.0.0.1:8000', [], true],
    ['http://127.8.0.1', [], true],
    ['http://[::1]:8000', [], true],
    ['http://gpu-box:8000', [], false],
    ['http://10.0.0.5:8000', [], false],
    ['http://127.0.0.1.example:8000', [], false],
    ['http://localhost.example:8000', [], false],
    ['http://gpu-box:8000', ['gpu-box'], true],
    ['http://GPU-box:8000', ['Gpu-Box'], true],
    ['http://gpu-box.example', ['gpu-box'], false],
    ['http://[fe80::1]:8000', ['fe80::1'], true],
  ])('may go to %s with the hosts %j: %s', (address, hosts, may) => {
    expect(mayCarryKey(address, hosts)).toBe(may)
  })

  const env = { OPENAI_API_KEY: 'sk-default-0123456789', MY_KEY: ' my-own-key\n', EMPTY: '' }
  const options = { api_key_env: null, api_key_hosts: [], base_url: null }

  it.each([
    ['of OpenAI goes to OpenAI', { base_url: 'https://api.openai.com/v1' }, env.OPENAI_API_KEY],
    ['of OpenAI goes to no server that is started here', {}, null],
    ['of OpenAI goes to nobody else', { base_url: 'https://api.example.com/v1' }, null],
    ['of OpenAI goes to no name like it', { base_url: 'https://api.openai.com.example/v1' }, null],
    [
      'of OpenAI goes where it is asked for',
      { base_url: 'https://x.example', api_key_env: 'OPENAI_API_KEY' },
      env.OPENAI_API_KEY,
    ],
    ['that is named goes to a server that is started here', { api_key_env: 'MY_KEY' }, 'my-own-key'],
    [
      'that is named goes to a host that is named',
      { api_key_env: 'MY_KEY', base_url: 'http://box:1', api_key_hosts: ['box'] },
      'my-own-key',
    ],
  ])('%s', (_, more, key) => {
    expect(apiKeyOf({ ...options, ...more }, env)).toBe(key)
  })

  it.each([
    [{ api_key_env: 'EMPTY' }, /EMPTY is not set/, /export EMPTY=/],
    [
      { api_key_env: 'MY_KEY', base_url: 'http://box:1' },
      /MY_KEY would go unencrypted to http:\/\/box:1/,
      /api_key_hosts: \[box\]/,
    ],
    [{ base_url: 'http://api.openai.com/v1' }, /OPENAI_API_KEY would go unencrypted/, /https:\/\//],
  ])('is refused, and what to type is said: %j', (more, message, hint) => {
    expect(() => apiKeyOf({ ...options, ...more }, env)).toThrow(
      expect.objectContaining({
        code: 'OPTIONS_INVALID',
        kind: 'usage',
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      }),
    )
  })
})

describe('text of others', () => {
  it('shows the codes that a terminal would obey', () => {
    expect(printable('a\u001b[2Jb\u009b0mc\u202Ed\n')).toBe('a\\u{1b}[2Jb\\u{9b}0mc\\u{202e}d\\u{a}')
    expect(printableLines('a\tb\n\u0007c\r')).toBe('a\tb\n\\u{7}c\\u{d}')
    expect(withoutColour('\u001b[1;32mINFO\u001b[0m up')).toBe('INFO up')
  })

  it('in JSON means the same', () => {
    const value = 'a\u001b\u007f\u009b\u202E\u{E0041}é😀'
    const json = printableJson(JSON.stringify(value))
    expect(JSON.parse(json)).toBe(value)
    expect(json).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })
})
