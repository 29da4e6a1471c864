import { describe, expect, it } from 'vitest'
import { runEventSchema } from '../../dist/backends/protocol.js'

const event = {
  event: 'request',
  id: 1,
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

describe('the event of a finished request', () => {
  it('may tell the clock of a host that is up for half a year, though it exceeds the safe integers', () => {
    const startNs = 180 * 86_400e9
    expect(startNs).toBeGreaterThan(Number.MAX_SAFE_INTEGER)
    expect(runEventSchema.parse({ ...event, start_ns: startNs, end_ns: startNs })).toMatchObject({
      start_ns: startNs,
    })
  })

  it.each([
    ['no counts', { event: 'request', id: 1 }],
    ['negative tokens', { ...event, output_tokens: -1 }],
    ['a fraction of a nanosecond', { ...event, start_ns: 0.5 }],
  ])('is refused with %s', (_, told) => {
    expect(runEventSchema.safeParse(told).success).toBe(false)
  })
})
