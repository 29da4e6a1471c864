import { expect, it } from 'vitest'
import { LeftOut } from '../../dist/backends/server/left-out.js'

const refused = (message: string, code = 'HTTP_400') => ({
  ...{ ok: false as const, startNs: 0, endNs: 1, retryAfterMs: null },
  ...{ code, message },
})

it.for([
  ['unexpected field: stream_options', ['stream_options']],
  ['Unsupported value. (stream_options)', ['stream_options']],
  ['[{"type":"extra_forbidden","loc":["body","seed"]}]', ['seed']],
  // Words that name nothing.
  ['<html><body><h1>400 Bad Request</h1></body></html>', ['stream_options']],
  ['', ['stream_options']],
] as const)('what "%s" is about is left out from then on', ([message, keys]) => {
  const leftOut = new LeftOut({})
  expect(leftOut.isSentOtherwise(refused(message))).toBe(true)
  leftOut.ended(true)
  expect([...leftOut.keys]).toEqual(keys)
})

it('a guess that does not help is taken back', () => {
  const leftOut = new LeftOut({})
  expect(leftOut.isSentOtherwise(refused('Bad Request'))).toBe(true)
  leftOut.ended(false)
  expect([...leftOut.keys]).toEqual([])
})

it('nothing is guessed of a server that has answered, nor of another status', () => {
  const leftOut = new LeftOut({})
  expect(leftOut.isSentOtherwise(refused('no such thing', 'HTTP_500'))).toBe(false)
  leftOut.ended(true)
  expect(leftOut.isSentOtherwise(refused('Bad Request'))).toBe(false)
})

it('what the user says of a key has the last word', () => {
  const leftOut = new LeftOut({ seed: 7, stream_options: null })
  expect(leftOut.isSentOtherwise(refused('seed is unknown'))).toBe(false)
  expect(leftOut.isSentOtherwise(refused('Bad Request'))).toBe(false)
})

it('a seed that is left out is told', () => {
  const leftOut = new LeftOut({})
  leftOut.isSentOtherwise(refused('seed is unknown', 'HTTP_422'))
  expect(leftOut.notes).toEqual([expect.stringMatching(/^seed_not_sent: /)])
})
