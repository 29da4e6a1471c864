#!/usr/bin/env node
// A helper that answers until the verb in LLEM_TEST_HELPER_HANGS_AT, and then no more.

import { createInterface } from 'node:readline'

const hangsAt = process.env.LLEM_TEST_HELPER_HANGS_AT
const nowNs = () => Number(process.hrtime.bigint())
const edge = () => ({ before_ns: nowNs(), after_ns: nowNs() })
let uuids = []
let beganNs = 0
const answers = {
  hello: () => ({ protocol: 1, backend: 'zeus', versions: { zeus: '0.0.0', codecarbon: '0.0.0' } }),
  open: (request) => {
    uuids = request.uuids
    return { uuids }
  },
  begin: () => {
    const began = edge()
    beganNs = began.after_ns
    return began
  },
  end: () => {
    const ended = edge()
    const gpuJ = (Number(process.env.LLEM_TEST_HELPER_WATTS ?? 1) * (ended.before_ns - beganNs)) / 1e9
    return {
      ...ended,
      ...(uuids.length === 0 ? { gpu_j: null, method: null } : { gpu_j: gpuJ, method: 'counter' }),
      per_gpu_j: null,
      samples: 2,
      domains: uuids.length === 0 ? [{ domain: 'cpu', energy_j: 42, source: 'an estimate' }] : [],
      emissions: null,
    }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  if (request.verb === hangsAt) continue
  process.stdout.write(`${JSON.stringify({ id: request.id, ok: true, ...answers[request.verb](request) })}\n`)
}
