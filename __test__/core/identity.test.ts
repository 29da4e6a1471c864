import { expect, it } from 'vitest'
import { contentHash, contentHashOfList } from '../../dist/core/identity.js'

it.each([[[]], [['a']], [[{ text: 'b', system: 'ä' }, null, 3, [1, { z: 1, a: 2 }]]]])(
  'a list has the same hash piece by piece: %j',
  (items) => {
    expect(contentHashOfList(items)).toBe(contentHash(items))
  },
)
