import { describe, expect, it } from 'vitest'
import { verdictOf } from '../../dist/backends/server/stream-verdict.js'

/** When chunks come: the silence before the first, then so many at once every so many milliseconds. */
function times(silenceMs: number, packets: readonly (readonly [gapMs: number, chunks: number])[]): number[] {
  let nowMs = silenceMs
  return packets.flatMap(([gapMs, chunks], at) => {
    if (at > 0) nowMs += gapMs
    return Array.from({ length: chunks }, () => nowMs * 1e6)
  })
}

const packets = (count: number, gapMs: number, chunks: number) =>
  Array.from({ length: count }, () => [gapMs, chunks] as const)

function verdict(chunkTimesNs: number[], tokens = chunkTimesNs.length, hidesThoughts = false) {
  return verdictOf({ startNs: 0, chunkTimesNs, tokens, hidesThoughts })
}

describe('the verdict on a stream', () => {
  it.each([
    ['a token every 2 ms', times(80, packets(40, 2, 1)), 'stream'],
    ['a long prompt before a few quick tokens', times(5000, packets(12, 8, 1)), 'stream'],
    [
      'one pause in which a machine was busy',
      times(20, [...packets(10, 2, 1), [24, 12], ...packets(29, 2, 1)]),
      'stream',
    ],
    [
      'half of an answer at once, after a pause in which it was kept back',
      times(20, [...packets(10, 2, 1), [60, 20], ...packets(9, 2, 1)]),
      'bursts',
    ],
    ['a third one by one, the others at once', times(20, [...packets(12, 10, 1), [280, 28]]), 'bursts'],
    [
      'speculative decoding: three tokens in every third step',
      times(
        20,
        Array.from({ length: 30 }, (_, at) => [10, at % 3 === 2 ? 3 : 1] as const),
      ),
      'stream',
    ],
    ['four tokens a packet', times(80, packets(10, 8, 4)), 'bursts'],
    ['four tokens a packet after a long prompt', times(2000, packets(10, 8, 4)), 'bursts'],
    [
      'the first token, then all others',
      times(80, [
        [0, 1],
        [400, 39],
      ]),
      'bursts',
    ],
    ['all in one packet', times(1000, [[0, 40]]), 'buffered'],
    ['all in three packets', times(1000, packets(3, 1000, 13)), 'buffered'],
    ['one write for each token, of what was kept back', times(1000, packets(40, 0.2, 1)), 'buffered'],
    [
      'the same, interrupted once',
      times(1000, [...packets(20, 0.2, 1), [15, 1], ...packets(19, 0.2, 1)]),
      'buffered',
    ],
    [
      'a few tokens in a moment, on a busy machine',
      times(8, [
        [0, 3],
        [1, 3],
      ]),
      'stream',
    ],
    ['all at once, after too short a silence to be sure', times(10, [[0, 40]]), 'bursts'],
    ['nothing', [], 'stream'],
  ] as const)('%s', (_, chunkTimesNs, right) => {
    expect(verdict([...chunkTimesNs])).toBe(right)
  })

  it('counts the tokens of a chunk that holds several', () => {
    expect(verdict(times(80, packets(10, 8, 1)), 40)).toBe('bursts')
    expect(verdict(times(1000, [[0, 1]]), 40)).toBe('buffered')
    // Ten one by one, and ten more in one chunk after the time of ten.
    const lastMany = times(60, [...packets(10, 6, 1), [60, 1]])
    expect(verdict(lastMany, 20)).toBe('bursts')
    expect(verdict(lastMany, 12)).toBe('stream')
  })

  const opened = (chunkTimesNs: number[], tokens: number, share: number, isBlank = false) =>
    verdictOf({ startNs: 0, chunkTimesNs, tokens, hidesThoughts: false, opening: { share, isBlank } })

  it('knows a start that was kept back by the tokens in it', () => {
    expect(opened(times(520, packets(21, 20, 1)), 40, 1 / 2)).toBe('buffered')
    expect(verdict(times(517, [[0, 1], [3, 19], ...packets(20, 20, 1)]))).toBe('buffered')
    expect(verdict(times(517, [...packets(20, 0.2, 1), ...packets(20, 20, 1)]))).toBe('buffered')
    // Three tokens in each of three steps, and four in each of ten.
    expect(opened(times(120, packets(3, 60, 1)), 9, 1 / 3)).toBe('bursts')
    expect(opened(times(120, packets(10, 60, 1)), 40, 1 / 8)).toBe('bursts')
    // A first word that is longer than all others.
    expect(opened(times(120, packets(12, 20, 1)), 12, 0.8)).toBe('stream')
    // Quick tokens after a long prompt.
    expect(opened(times(900, packets(40, 1, 1)), 40, 1 / 10)).toBe('stream')
    expect(opened(times(900, packets(40, 20, 1)), 40, 1 / 5)).toBe('stream')
  })

  it('does not take blanks before a silence for the first token', () => {
    const silent = times(2, [[0, 1], [398, 1], ...packets(38, 20, 1)])
    expect(opened(silent, 40, 1 / 80, true)).toBe('buffered')
    expect(opened(silent, 40, 1 / 80)).toBe('stream')
    expect(opened(times(120, packets(40, 20, 1)), 40, 1 / 80, true)).toBe('stream')
    expect(opened(times(120, [[0, 1], [400, 1], ...packets(38, 20, 1)]), 40, 1 / 80, true)).toBe('stream')
  })

  it('knows that thoughts which do not come hide the first token', () => {
    expect(verdict(times(80, packets(40, 2, 1)), 40, true)).toBe('buffered')
  })
})
