import { describe, expect, it } from 'vitest'
import { SecretStream } from '../../dist/core/secret-stream.js'
import {
  learnEnvironment,
  learnSecret,
  learnSecrets,
  mask,
  masked,
  maskedJson,
  maskKnown,
  withoutBeginning,
} from '../../dist/core/secrets.js'

const KEY = 'correct/horse+battery="staple"\\ß'
learnSecret(KEY)

/** As `python3 -c 'import json; json.dumps(...)'` and others write it. */
const ASCII_JSON = 'correct/horse+battery=\\"staple\\"\\\\\\u00df'

describe('a secret that is known', () => {
  it.each([
    ['as it is', KEY],
    ['in JSON', JSON.stringify(KEY).slice(1, -1)],
    ['in JSON without other letters than those of ASCII', ASCII_JSON],
    ['in JSON in JSON', JSON.stringify(JSON.stringify(KEY)).slice(3, -3)],
    ['in a URL', encodeURIComponent(KEY)],
    ['in a URL, in small letters', encodeURIComponent(KEY).replace(/%../g, (code) => code.toLowerCase())],
    ['in a URL that keeps slashes', encodeURIComponent(KEY).replaceAll('%2F', '/')],
  ])('is masked %s', (_, form) => {
    expect(mask(`before ${form} after`)).toBe('before [redacted] after')
  })

  it.each(['', 'a', 'ab', 'user:', 'user:p'])('is masked in base64 after %j', (before) => {
    for (const after of ['', 'z', 'zy', 'zyx'])
      for (const encoding of ['base64', 'base64url'] as const) {
        const text = Buffer.from(`${before}${KEY}${after}`).toString(encoding)
        // At each end a character may hold bits of a neighbour.
        const left = mask(text).replace('[redacted]', '')
        expect(left.length).toBeLessThanOrEqual(Math.ceil(((before.length + after.length + 2) * 4) / 3) + 4)
        expect(mask(text)).toContain('[redacted]')
      }
  })

  it('is masked in values and keys of data, and leaves what has none as it is', () => {
    expect(masked({ [KEY]: [KEY, 1, null, { a: `x${KEY}` }] })).toEqual({
      '[redacted]': ['[redacted]', 1, null, { a: 'x[redacted]' }],
    })
    expect(JSON.parse(maskedJson({ a: `"${KEY}"`, b: Number.NaN }))).toEqual({ a: '"[redacted]"', b: null })
    expect(maskedJson({ a: 1 }, 2)).toBe('{\n  "a": 1\n}')
  })

  it('is masked once: what stands in its place is no secret, even where somebody has chosen it as one', () => {
    learnSecret('redacted')
    expect(mask(mask(KEY))).toBe('[redacted]')
  })

  it('is masked where two overlap or touch', () => {
    learnSecret('overlap-one-two')
    learnSecret('one-two-three-four')
    expect(mask('xoverlap-one-two-three-foury')).toBe('x[redacted]y')
    expect(mask(`${KEY}${KEY}`)).toBe('[redacted][redacted]')
  })
})

describe('what is too common to be searched for', () => {
  it.each(['hunter2', '', '12345678', '1234567.25', '       x        '])('is not learnt: %j', (value) => {
    learnSecret(value)
    expect(mask(`a ${value} b`)).toBe(`a ${value} b`)
  })
})

describe('what is learnt', () => {
  it.each([
    ['by its name', { env: { SERVICE_PASSWORD: 'learnt-by-name' } }, 'learnt-by-name'],
    ['by its look', { env: { EXTRA: 'Bearer Learnt-by-look-1' } }, 'Learnt-by-look-1'],
    ['of a header', { headers: { Authorization: 'Basic bGVhcm50' } }, 'bGVhcm50'],
    ['of an address', { at: 'postgres://me:learnt%2Dpassword@host/x' }, 'learnt-password'],
    ['of a command', { command: ['serve', '--api-key', 'learnt-option'] }, 'learnt-option'],
    ['of a login', ['curl', '-u', 'me:learnt-login'], 'learnt-login'],
    ['of a line of a shell', ['sh', '-c', 'curl -u me:learnt-in-line x'], 'learnt-in-line'],
    ['of many lines, each', { ssh_key: 'BEGIN\nlearnt-line-one\nlearnt-line-two' }, 'learnt-line-two'],
    ['of a grid', { 'server.env.HF_TOKEN': ['learnt-grid-a', 'learnt-grid-b'] }, 'learnt-grid-b'],
  ])('is masked alone later: %s', (_, from, secret) => {
    expect(mask(`(${secret})`)).toBe(`(${secret})`)
    learnSecrets(from)
    expect(mask(`(${secret})`)).toBe('([redacted])')
  })

  it('is the key that api_key_env names, whatever it is called', () => {
    learnSecrets({ vllm: { api_key_env: 'PLAIN' } }, { PLAIN: 'named-by-the-configuration' })
    expect(mask('named-by-the-configuration')).toBe('[redacted]')
  })

  it('of the environment is no path of a file that is there, and no number', () => {
    const env = { TOKEN_DIR_X: process.cwd(), MAX_TOKENS: '123456789', MY_TOKEN: 'learnt-of-environment' }
    learnEnvironment(env)
    expect(Object.values(env).map(mask)).toEqual([process.cwd(), '123456789', '[redacted]'])
  })
})

describe('what looks like a secret', () => {
  it.each([
    ['hf_abcdefghijklmnopqrstuvwxyz', '[redacted]'],
    ['sk-proj-abc_def-0123456789', '[redacted]'],
    ['ghp_abcdefghijklmnopqrst0123', '[redacted]'],
    ['github_pat_abcdefghij_0123456789', '[redacted]'],
    ['nvapi-abcdefghijklmnopqrst-01', '[redacted]'],
    ['AKIAABCDEFGHIJKLMNOP', '[redacted]'],
    ['authorization: Bearer abcDEF01', 'authorization: Bearer [redacted]'],
    ['{"authorization":"Basic dXNlcjpwdw=="}', '{"authorization":"Basic [redacted]"}'],
    ['https://abc@host/x', 'https://[redacted]@host/x'],
    ['git+https://me:pw@host/x', 'git+https://[redacted]@host/x'],
    ['GET /x?a=1&access_token=abc&b=2', 'GET /x?a=1&access_token=[redacted]&b=2'],
  ])('is masked: %s', (text, expected) => {
    expect(mask(text)).toBe(expected)
    expect(mask(mask(text))).toBe(expected)
  })

  it.each([
    'hf_transfer, hf_hub_download',
    'sk-learn-is-a-library-of-its-own',
    'use Bearer authentication',
    'ssh://git@example.org/x',
    'http://host:8000/v1?at=a@b',
    '{"a":"http://x","b":"c:d@e"}',
    '[redacted]',
  ])('is not this: %s', (text) => {
    expect(mask(text)).toBe(text)
  })

  it('is left in what others have written, where only what is known goes', () => {
    expect(maskKnown(`Bearer abcDEF01 ${KEY}`)).toBe('Bearer abcDEF01 [redacted]')
  })
})

describe('a stream', () => {
  const bytes = Buffer.from(`first line\nthe key is ${KEY}, and\r${encodeURIComponent(KEY)} again\nlast`)
  const expected = 'first line\nthe key is [redacted], and\r[redacted] again\n'

  it('is masked wherever it is cut into two', () => {
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const stream = new SecretStream()
      expect(stream.push(bytes.subarray(0, cut)) + stream.push(bytes.subarray(cut))).toBe(expected)
      expect(stream.rest).toBe('last')
    }
  })

  it('is masked byte by byte', () => {
    const stream = new SecretStream()
    expect([...bytes].map((byte) => stream.push(Buffer.from([byte]))).join('')).toBe(expected)
  })

  it('without lines is passed on in parts, and none of them cuts a secret', () => {
    const stream = new SecretStream()
    let passed = ''
    // Of a length that makes the places of the secrets differ from those of the cuts.
    const piece = `${'x'.repeat(997)}${KEY}`
    for (let count = 0; count < 500; count += 1) passed += stream.push(Buffer.from(piece))
    expect(passed.length).toBeGreaterThan(300_000)
    expect(`${passed}${stream.rest}`).toBe(`${'x'.repeat(997)}[redacted]`.repeat(500))
  })

  it('that ends within a secret does not show its beginning', () => {
    const stream = new SecretStream()
    expect(stream.push(Buffer.from(`the key is ${KEY.slice(0, 12)}`))).toBe('')
    expect(stream.rest).toBe('the key is ')
    expect(withoutBeginning('the key is')).toBe('the key is')
  })
})

it('ten thousand secrets that begin alike are learnt and searched for in seconds, not in minutes', () => {
  const env = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [`TOKEN_${index}`, `secret-number-${index}-of-many`]),
  )
  const startMs = performance.now()
  learnSecrets({ env })
  const text = 'nothing of all that is in this text but secret-number-4711-of-many '.repeat(15_000)
  const result = mask(text)
  expect(result).not.toContain('4711')
  expect(performance.now() - startMs).toBeLessThan(10_000)
})
