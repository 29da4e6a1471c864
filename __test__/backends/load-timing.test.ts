// How much the load generator adds to the times between tokens. It and the server that streams tokens on time are a
// process each; the server writes into each chunk when it was written, so that what reading adds is known exactly.

import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { startNode } from '../native/llem.js'
import { startPortServer } from './port-server.js'
import { undisturbed } from './undisturbed.js'

it('drives 1000 streams of 20 tokens a second from one core and adds less than 5 ms to 99 % of the times between tokens', async () => {
  const { port } = await startPortServer('./exact-stream-server.mjs', ['200', '50'], { wrap: undisturbed })
  const script = fileURLToPath(new URL('./drive-streams.mjs', import.meta.url))
  const { code, stdout } = await startNode([script, String(port), '1000', '1000', ...undisturbed]).ended
  expect(code).toBe(0)
  const seen = JSON.parse(stdout)
  console.info(`1000 streams of 200 tokens: ${stdout.trim()}`)
  expect(seen).toMatchObject({ tokens: 200_000, failures: 0, chunks: 200_000 })
  expect(seen.added_p99_ms).toBeLessThan(5)
  expect(seen.core_share).toBeLessThan(1)
  // Neither the ramp nor the drain is in it, and it is 20 tokens a second of 1000 streams.
  expect(seen.steady_rate).toBeGreaterThan(19_500)
  expect(seen.steady_rate).toBeLessThan(20_500)
}, 120_000)
