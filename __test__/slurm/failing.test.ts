// What many failures come to: a node that is left out, a campaign that is paused. And a run of which nothing is heard.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { boardsOf, boardsText } from '../../dist/campaign/boards.js'
import { openCampaignFolder } from '../../dist/campaign/folder.js'
import { planOf } from '../../dist/campaign/plan.js'
import { PENDING, type RunRecord, RunRecords } from '../../dist/campaign/records.js'
import { loadCampaign } from '../../dist/config/load-campaign.js'
import type { Executor } from '../../dist/executors/executor.js'
import { badNodes, stopReason } from '../../dist/slurm/breaker.js'
import { watched } from '../../dist/slurm/watchdog.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { UNTOLD } from '../campaign/plain.js'

const TEXT = `campaign_name: x
model: x.gguf
grid: { shared: { generation.max_tokens: [1, 2] } }
execution: { cycles: 10, max_equal_failures: 5 }
`

/** Records of runs in the order of their ends: "node:message" failed, "node" completed on the board that stands behind a blank. */
async function recordsOf(...ends: string[]) {
  const loaded = loadCampaign({ path: 'x.yaml', text: TEXT })
  if (!loaded.ok) throw new Error('the campaign has problems')
  const plan = planOf(loaded)
  const dir = await openCampaignFolder(join(scratchFolder(), 'results'), plan)
  const records = new RunRecords(dir, plan, { isLive: true })
  const runs = [...records.runs()]
  for (const [index, end] of ends.entries()) {
    const [, node = '', message = null, board = ''] = /^(\w+)(?::(.*))?(?: (\S+))?$/.exec(end) ?? []
    const run = runs[index]
    if (run === undefined) throw new Error('too many ends')
    const record: RunRecord = {
      ...PENDING,
      status: message === null ? 'completed' : 'failed',
      completed_at: new Date(1.7e12 + index * 1000).toISOString(),
      error: message === null ? null : { code: 'WORKER_DIED', message },
      place: { node, job_id: '1', array_job_id: '1', array_task_id: index, restarts: 0 },
      summary:
        message !== null
          ? null
          : ({
              ...UNTOLD,
              energy_problem: null,
              energy_reason: null,
              gpu_uuids: [board],
            } as unknown as RunRecord['summary']),
    }
    await records.write(run, record)
  }
  return { records, plan }
}

describe('a node', () => {
  it('on which three runs in a row failed is bad where another is well', async () => {
    const { records } = await recordsOf('a A', 'b:x', 'b:y', 'a A', 'b:z')
    expect(badNodes(records, 3)).toEqual(['b'])
    expect(badNodes(records, 4)).toEqual([])
  })

  it('is not bad after a run that went well, nor where all fail everywhere', async () => {
    expect(badNodes((await recordsOf('a A', 'b:x', 'b:y', 'b B', 'b:z')).records, 3)).toEqual([])
    expect(badNodes((await recordsOf('a:x', 'b:x', 'b:y', 'a:y', 'b:z', 'a:z')).records, 3)).toEqual([])
  })
})

it('a campaign is paused after equal failures in a row, wherever they were', async () => {
  const same = ['a:no space 1', 'b:no space 2', 'c:no space 3', 'a:no space 4', 'b:no space 5']
  const { records, plan } = await recordsOf(...same.map((end) => end.replace('no space', 'it broke')))
  expect(stopReason(records, plan)).toContain('5 runs in a row failed')
  const { records: mixed } = await recordsOf(
    'a:it broke 1',
    'b:it broke 2',
    'a A',
    'b:it broke 3',
    'b:it broke 4',
  )
  expect(stopReason(mixed, plan)).toBe(null)
})

it('statistics tell the boards, and the cycles whose runs were on several', async () => {
  const { records } = await recordsOf('a A', 'a A', 'a A', 'b B')
  const boards = boardsOf(records)
  expect(boards).toEqual({
    boards: [
      { node: 'a', gpu_uuids: ['A'], runs: 3 },
      { node: 'b', gpu_uuids: ['B'], runs: 1 },
    ],
    cycles_across: [2],
  })
  expect(boards === null ? null : boardsText(boards)).toContain(
    'In 1 cycles the runs were on different boards',
  )
})

describe('a run', () => {
  const order = { config: {}, output_dir: scratchFolder(), simulate: true, keep_loaded: false, service: null }

  /** Says something so often, and ends only when it is told to. */
  function speaking(everyMs: number, times: number, text: (time: number) => string): Executor {
    return {
      name: 'double',
      run: (_order: unknown, { onEvent, signal }: Parameters<Executor['run']>[1]) =>
        new Promise((resolve, reject) => {
          let time = 0
          const timer = setInterval(() => {
            if (time++ < times) onEvent({ event: 'said', id: 0, text: text(time), detail: false })
            else if (times < 100) resolve({} as never)
          }, everyMs)
          signal?.addEventListener('abort', () => {
            clearInterval(timer)
            reject(new Error('told to end'))
          })
        }),
    } as unknown as Executor
  }
  const options = { timeoutMs: 60_000, onEvent: () => undefined, signal: undefined }

  it('that says the same again and again is ended', async () => {
    mkdirSync(order.output_dir, { recursive: true })
    writeFileSync(join(order.output_dir, 'x'), '')
    const silent = watched(
      speaking(20, 1e6, () => 'the same'),
      400,
    )
    await expect(silent.run(order, options)).rejects.toMatchObject({ code: 'RUN_SILENT' })
  })

  it('that says something new goes on', async () => {
    const lively = watched(
      speaking(20, 30, (time) => `step ${time}`),
      400,
    )
    await lively.run(order, options)
  })
})
