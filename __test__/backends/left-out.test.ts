import { expect, it } from 'vitest'
import { LeftOut } from '../../dist/backends/server/left-out.js'

const refused = (message: string, code = 'HTTP_400') => ({
  ...{ ok: false as const, startNs: 0, endNs: 1, retryAfterMs: null },
  ...{ code, message },
})
/** What the request after some that were refused once, and answered without what they were refused for, is sent without. */
function afterwards(message: string, times = 1): string[] {
  const leftOut = new LeftOut({})
  for (let request = 0; request < times; request += 1) {
    expect(leftOut.isSentOtherwise(request, refused(message))).toBe(true)
    leftOut.ended(request, true)
  }
  return [...leftOut.keysFor(times)]
}

it.for([
  ['unexpected field: stream_options', ['stream_options']],
  ['Unsupported value. (stream_options)', ['stream_options']],
  ['Unrecognized request argument supplied: seed', ['seed']],
  ["property 'seed' is unsupported", ['seed']],
  ['json: unknown field "seed"', ['seed']],
  ['Unknown name "stream_options": Cannot find field.', ['stream_options']],
  ['[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted"}]', ['seed']],
] as const)('what "%s" is about is left out once a request is answered without', ([message, keys]) => {
  expect(afterwards(message)).toEqual(keys)
})

it('what names nothing has to happen twice', () => {
  const words = '<html><body><h1>400 Bad Request</h1></body></html>'
  expect(afterwards(words)).toEqual([])
  expect(afterwards(words, 2)).toEqual(['stream_options'])
})

it('one that is refused without it, too, is refused for something else', () => {
  const leftOut = new LeftOut({})
  expect(leftOut.isSentOtherwise(0, refused('Bad Request'))).toBe(true)
  expect([...leftOut.keysFor(0)]).toEqual(['stream_options'])
  expect(leftOut.isSentOtherwise(0, refused('Bad Request'))).toBe(false)
  leftOut.ended(0, false)
  expect([...leftOut.keysFor(0)]).toEqual([])
})

it('what an answered request had is taken, whatever a refusal says', () => {
  const leftOut = new LeftOut({})
  leftOut.ended(0, true)
  for (const words of ['Bad Request', 'unknown field: seed', 'unexpected field: stream_options'])
    expect(leftOut.isSentOtherwise(1, refused(words))).toBe(false)
  expect(leftOut.isSentOtherwise(2, refused('unknown field: seed', 'HTTP_500'))).toBe(false)
})

it.for([
  'this model takes 4096 tokens; the prompt is "how to plant a seed in spring"',
  '[{"loc":["body","prompt"],"msg":"too long","input":{"prompt":"the stream_options flag","seed":42}}]',
])('a request that is repeated in a refusal names nothing: %s', (words) => {
  const leftOut = new LeftOut({ stream_options: null })
  expect(leftOut.isSentOtherwise(0, refused(words))).toBe(false)
})

it('what the user says of a key has the last word', () => {
  const leftOut = new LeftOut({ seed: 7, stream_options: null })
  expect(leftOut.isSentOtherwise(0, refused('unknown field: seed'))).toBe(false)
  expect(leftOut.isSentOtherwise(0, refused('Bad Request'))).toBe(false)
})

it('is told', () => {
  const leftOut = new LeftOut({})
  leftOut.isSentOtherwise(0, refused('unknown field: seed', 'HTTP_422'))
  leftOut.isSentOtherwise(0, refused('unknown field: stream_options', 'HTTP_422'))
  leftOut.ended(0, true)
  expect(leftOut.notes).toEqual([
    expect.stringMatching(/^usage_not_asked: /),
    expect.stringMatching(/^seed_not_sent: /),
  ])
})
