import { describe, expect, it } from 'vitest'
import { parseWorkerLine } from '../../dist/workers/worker-line.js'

const parse = (message: unknown) => parseWorkerLine(JSON.stringify(message))

describe('parseWorkerLine', () => {
  it('tells an event, a reply and a fault apart', () => {
    const event = { event: 'request', id: 3, index: 0 }
    expect(parse(event)).toEqual({ kind: 'event', id: 3, body: event })
    expect(parse({ id: 3, ok: true, rss_bytes: 1 })).toMatchObject({ kind: 'reply', body: { rss_bytes: 1 } })
    const fault = { code: 'OUT_OF_MEMORY', message: 'no' }
    expect(parse({ id: 3, ok: false, error: fault })).toEqual({ kind: 'fault', id: 3, fault })
  })

  it.each([
    ['text', 'hello'],
    ['a number', 5],
    ['null', null],
    ['an event of no verb', { event: 'request' }],
    ['a reply without an id', { ok: true }],
    ['a fault without a code', { id: 1, ok: false, error: { message: 'no' } }],
  ])('calls %s nonsense', (_, message) => {
    expect(parse(message)).toMatchObject({ kind: 'nonsense' })
  })
})
