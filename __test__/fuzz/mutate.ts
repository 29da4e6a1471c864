// Small changes to bytes, the same in every run.

import { randomOf } from '../native/scenario.js'

/** Numbers and words at which readers break. */
const WORDS = [
  ...[
    'null',
    '-1',
    '1e999',
    '"',
    '[',
    ']',
    '{',
    '}',
    ',',
    ':',
    '\n',
    '\n\n',
    'data: ',
    '\t',
    '- ',
    '&a ',
    '*a',
    '<<: ',
  ],
  ...[
    '\u0000',
    '\ufeff',
    '\ud83d\ude00',
    '__proto__',
    '18446744073709551616',
    '"\\ud800"',
    '!!js/function ',
    '? ',
  ],
].map((word) => Buffer.from(word))
const EDGES = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffffffn,
  0xffffffffn,
  0x7fffffffffffffffn,
  0xffffffffffffffffn,
].map((edge) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(edge)
  return bytes
})

/** Answers a mutant of one of these at each call. */
export function mutants(corpus: readonly Buffer[], seed: number): () => Buffer {
  const random = randomOf(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const oneOf = (parts: readonly Buffer[]) => parts[below(parts.length)] ?? Buffer.alloc(0)
  const changed = (bytes: Buffer): Buffer => {
    const at = below(bytes.length + 1)
    const end = Math.min(bytes.length, at + 1 + below(40))
    const [head, part, tail] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)]
    switch (below(7)) {
      case 0:
        return Buffer.concat([head, part.map((byte) => byte ^ (1 << below(8))), tail])
      case 1:
        return Buffer.concat([head, tail])
      case 2:
        return Buffer.from(head)
      case 3:
        return Buffer.concat([head, ...Array<Buffer>(1 + below(20)).fill(part), part, tail])
      case 4:
        return Buffer.concat([head, oneOf(WORDS), part, tail])
      case 5: {
        const edge = oneOf(EDGES).subarray(0, [1, 2, 4, 8][below(4)])
        return Buffer.concat([head, edge, bytes.subarray(at + edge.length)])
      }
      default: {
        const other = oneOf(corpus)
        return Buffer.concat([head, other.subarray(below(other.length + 1)), tail])
      }
    }
  }
  return () => {
    let bytes = oneOf(corpus)
    for (let count = 1 + below(4); count > 0; count--) bytes = changed(bytes)
    return bytes.subarray(0, 64 * 1024)
  }
}
