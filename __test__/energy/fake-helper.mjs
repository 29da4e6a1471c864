#!/usr/bin/env node
// A helper that answers until the verb in LLEM_TEST_HELPER_HANGS_AT, and then no more.

import { createInterface } from 'node:readline'

const hangsAt = process.env.LLEM_TEST_HELPER_HANGS_AT
const nowNs = () => Number(process.hrtime.bigint())
const edge = () => ({ before_ns: nowNs(), after_ns: nowNs() })
let uuids = []
const answers = {
  hello: () => ({ protocol: 1, backend: 'zeus', versions: { zeus: '0.0.0', codecarbon: '0.0.0' } }),
  open: (request) => {
    uuids = request.uuids
    return { uuids }
  },
  begin: edge,
  // Half of what is drawn: somebody is wrong.
  end: () => ({
    ...edge(),
    ...(uuids.length === 0
      ? { gpu_j: null, method: null }
      : { gpu_j: Number(process.env.LLEM_TEST_HELPER_JOULES ?? 1), method: 'counter' }),
    per_gpu_j: null,
    samples: 2,
    domains: uuids.length === 0 ? [{ domain: 'cpu', energy_j: 42, source: 'an estimate' }] : [],
    emissions: null,
  }),
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  if (request.verb === hangsAt) continue
  process.stdout.write(`${JSON.stringify({ id: request.id, ok: true, ...answers[request.verb](request) })}\n`)
}
