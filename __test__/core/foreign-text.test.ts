import { describe, expect, it } from 'vitest'
import { listedNames, shortened } from '../../dist/core/foreign-text.js'
import { learnSecret } from '../../dist/core/secrets.js'

const KEY = 'a-key-that-a-server-repeats'
learnSecret(KEY)

describe('text of others in a message', () => {
  it.each([
    ['short', 'short'],
    ['0123456789', '0123456789'],
    ['0123456789a', '0123456789...'],
    ['a\u001b[2Jb', 'a\\u{1b}[2Jb'],
    ['\u202egnp\u2028', '\\u{202e}gnp\\u{2028}'],
  ])('%j is cut to ten characters and printable', (text, expected) => {
    expect(shortened(text, 10)).toBe(expected)
  })

  it('has no secret, and no half of one where it is cut', () => {
    for (let before = 0; before < 20; before += 1)
      expect(shortened(`${'x'.repeat(before)}${KEY}`, 20)).not.toContain('a-key')
  })

  it('names a few of many', () => {
    expect(listedNames(['a', 'b'])).toBe('a, b')
    const many = Array.from({ length: 1000 }, (_, index) => `m${index}`)
    expect(listedNames([KEY, ...many])).toBe('[redacted], m0, m1, m2, m3, m4, m5, m6, m7, m8 and 991 more')
  })
})
