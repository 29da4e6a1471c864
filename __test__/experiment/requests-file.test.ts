import fs from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { runInference } from '../../dist/experiment/inference.js'
import { scratchFolder } from '../native/scenario.js'
import { recorder } from './recorder.js'

it('requests.jsonl is on the disk before the result can name it', async () => {
  const sync = vi.spyOn(fs, 'fsync')
  const generation = { max_tokens: 1, temperature: 0, top_p: 1, top_k: 0, seed: 0, ignore_eos: false }
  const { observer } = recorder()
  const requestsPath = join(scratchFolder(), 'requests.jsonl')
  const slo = { ttft_ms: null, tpot_ms: null, e2e_ms: null }
  await runInference([], [], { generation, load: null, slo, requestsPath, observer, signal: undefined })
  expect(sync).toHaveBeenCalledOnce()
})
