import { describe, expect, it } from 'vitest'
import { parseWorkerLine } from '../../dist/backends/worker-line.js'

const record = {
  index: 0,
  input_tokens: 1,
  output_tokens: 1,
  start_ns: 5,
  end_ns: 9,
  ttft_ms: null,
  itl_ms: null,
  finish_reason: 'stop',
  truncated: false,
  output_digest: null,
}
const parse = (message: unknown) => parseWorkerLine(JSON.stringify(message))

describe('parseWorkerLine', () => {
  it('tells a request, a reply and a fault apart', () => {
    expect(parse({ event: 'request', id: 3, ...record })).toEqual({ kind: 'request', id: 3, record })
    expect(parse({ id: 3, ok: true, rss_bytes: 1 })).toMatchObject({ kind: 'reply', body: { rss_bytes: 1 } })
    const fault = { code: 'OUT_OF_MEMORY', message: 'no' }
    expect(parse({ id: 3, ok: false, error: fault })).toEqual({ kind: 'fault', id: 3, fault })
  })

  it('accepts the clock of a host that is up for half a year, though it exceeds the safe integers', () => {
    const startNs = 180 * 86_400e9
    expect(startNs).toBeGreaterThan(Number.MAX_SAFE_INTEGER)
    expect(parse({ event: 'request', id: 1, ...record, start_ns: startNs, end_ns: startNs })).toMatchObject({
      kind: 'request',
      record: { start_ns: startNs },
    })
  })

  it.each([
    ['text', 'hello'],
    ['a number', 5],
    ['null', null],
    ['an event without its counts', { event: 'request', id: 1 }],
    ['negative tokens', { event: 'request', id: 1, ...record, output_tokens: -1 }],
    ['a fraction of a nanosecond', { event: 'request', id: 1, ...record, start_ns: 0.5 }],
    ['a reply without an id', { ok: true }],
    ['a fault without a code', { id: 1, ok: false, error: { message: 'no' } }],
  ])('calls %s nonsense', (_, message) => {
    expect(parse(message)).toMatchObject({ kind: 'nonsense' })
  })
})
