import { describe, expect, it } from 'vitest'
import { type HealthState, judge } from '../../dist/campaign/health-findings.js'
import { MemoryHistory } from '../../dist/campaign/memory-history.js'
import type { GpuLook } from '../../dist/native/health.js'

const GIB = 1024 ** 3
const TOTAL = 80 * GIB

function gpu(overrides: Partial<GpuLook> = {}): GpuLook {
  return {
    index: 0,
    uuid: 'GPU-1',
    condition: 'present',
    memoryUsedBytes: GIB,
    memoryTotalBytes: TOTAL,
    processes: [],
    xids: [],
    ...overrides,
  }
}

/** A process of the campaign, unless it says otherwise. */
function user(pid: number, memoryUsedBytes: number, relation = 'own') {
  return { pid, name: `program-${pid}`, relation, memoryUsedBytes }
}

function state(overrides: Partial<HealthState> = {}): HealthState {
  return {
    before: [gpu()],
    now: [gpu()],
    reason: null,
    responds: true,
    nothingLoaded: false,
    tellsOwn: true,
    history: new MemoryHistory(),
    thresholdPct: 90,
    ...overrides,
  }
}

/** What a process held at each look, in GiB. */
function heldBy(pid: number, looks: readonly number[]): MemoryHistory {
  const history = new MemoryHistory()
  for (const size of looks) history.remember([gpu({ processes: [user(pid, size * GIB)] })])
  return history
}

const kinds = (overrides: Partial<HealthState>) => judge(state(overrides)).findings.map(({ kind }) => kind)

describe('a GPU is well', () => {
  it('as it was before the campaign', () => {
    expect(judge(state())).toEqual({ findings: [], unknown: [] })
  })

  it('with a server of ours that fills its memory to the brim, as vLLM does by design', () => {
    const now = [gpu({ memoryUsedBytes: 79 * GIB, processes: [user(7, 78 * GIB)] })]
    expect(judge(state({ now }))).toEqual({ findings: [], unknown: [] })
  })

  it('with a little more in use than before, which is the driver’s own', () => {
    expect(kinds({ now: [gpu({ memoryUsedBytes: GIB + 400 * 1024 ** 2 })], nothingLoaded: true })).toEqual([])
  })

  it('with a process of ours that grew until its cache was full', () => {
    const history = heldBy(7, [4, 10, 20, 20])
    const now = [gpu({ memoryUsedBytes: 21 * GIB, processes: [user(7, 20 * GIB)] })]
    expect(kinds({ now, history })).toEqual([])
  })

  it('with a process of ours that holds more on each of several GPUs than on the one before', () => {
    const spread = [4, 5, 6, 7].map((size, index) =>
      gpu({
        index,
        uuid: `GPU-${index}`,
        memoryUsedBytes: (size + 1) * GIB,
        processes: [user(7, size * GIB)],
      }),
    )
    const history = new MemoryHistory()
    history.remember(spread)
    const before = spread.map(({ index, uuid }) => gpu({ index, uuid }))
    expect(kinds({ before, now: spread, history })).toEqual([])
  })
})

describe('the memory of looks', () => {
  it('tells growth since the very first look after any number of them, one GPU at a time', () => {
    const history = heldBy(
      7,
      Array.from({ length: 50 }, (_, index) => 1 + index / 10),
    )
    expect(history.grownBy('GPU-1', 7) / GIB).toBeCloseTo(4.9)
    expect(history.grownBy('GPU-2', 7)).toBe(0)
    history.clear()
    expect(history.grownBy('GPU-1', 7)).toBe(0)
  })
})

describe('a GPU is not well', () => {
  it('whose memory belongs to nobody and was free before, in numbers', () => {
    const now = [gpu({ memoryUsedBytes: 9 * GIB, processes: [user(7, 3 * GIB)] })]
    const { findings } = judge(state({ now }))
    expect(findings).toMatchObject([
      {
        kind: 'memory_above_before',
        remedy: 'restart',
        message:
          'GPU 0 has 5120 MB in use that belong to no process and were free before the campaign (9216 MB now, 1024 MB then)',
      },
    ])
  })

  it('on which a process of ours grows at every look', () => {
    const history = heldBy(7, [4, 5, 6, 7])
    const now = [gpu({ memoryUsedBytes: 8 * GIB, processes: [user(7, 7 * GIB)] })]
    const { findings } = judge(state({ now, history }))
    expect(findings).toMatchObject([{ kind: 'memory_growing', pid: 7, remedy: 'restart' }])
    expect(findings[0]?.message).toContain('3072 MB more of program-7 (pid 7)')
  })

  it('on which somebody else computes, whom a restart would not end', () => {
    const now = [gpu({ memoryUsedBytes: 11 * GIB, processes: [user(9, 10 * GIB, 'foreign')] })]
    expect(judge(state({ now })).findings).toMatchObject([
      {
        kind: 'foreign_process',
        pid: 9,
        remedy: 'none',
        message: 'GPU 0 is used by program-9 (pid 9) with 10240 MB too',
      },
    ])
  })

  it('when others hold more of its memory than they may', () => {
    const now = [gpu({ memoryUsedBytes: 75 * GIB, processes: [user(9, 74 * GIB, 'foreign')] })]
    expect(kinds({ now })).toEqual(['foreign_process', 'memory_of_others'])
    expect(kinds({ now, thresholdPct: 95 })).toEqual(['foreign_process'])
  })

  it.for([
    ['lost', 'gpu_lost', 'pause'],
    ['reset_required', 'gpu_reset_required', 'pause'],
    ['unreadable', 'gpu_unreadable', 'restart'],
  ] as const)('that is %s', ([condition, kind, remedy]) => {
    const now = [gpu({ condition, cause: 'the driver said so' })]
    const [finding, ...others] = judge(state({ now })).findings
    expect(others).toEqual([])
    expect(finding).toMatchObject({ kind, remedy })
    expect(finding?.message).toMatch(/^GPU 0 \(GPU-1\) .*: the driver said so$/)
  })

  it('that reported an Xid, which is told with what it means', () => {
    const { findings } = judge(state({ now: [gpu({ xids: [48, 12345] })] }))
    expect(findings.map(({ message }) => message)).toEqual([
      'GPU 0 reported Xid 48 (a double-bit ECC error)',
      'GPU 0 reported Xid 12345',
    ])
  })
})

describe('what cannot be told is unknown, and nothing is invented', () => {
  it('where nobody can look', () => {
    expect(judge(state({ now: null, reason: 'no driver' }))).toEqual({
      findings: [],
      unknown: ['the GPUs: no driver'],
    })
  })

  it('where processes, their memory or Xid errors are not told', () => {
    const { processes: _, xids: __, ...bare } = gpu()
    expect(judge(state({ now: [bare] })).unknown).toEqual([
      'GPU 0: Xid errors, which the driver does not report here',
      'GPU 0: its memory beside that of the campaign, as not all of its users tell theirs',
      'GPU 0: who computes on it',
    ])
  })

  it('whose a process is, from inside of a container; but one that was there before is somebody else’s', () => {
    const now = [gpu({ processes: [user(4000, 0, 'unknown')] })]
    expect(judge(state({ now }))).toEqual({
      findings: [],
      unknown: ['GPU 0: whose its processes are, from inside of a container or beside one'],
    })
    expect(kinds({ now, before: now })).toEqual(['foreign_process'])
  })

  it('whose a process is where the campaign’s own run in containers, which are no children of it', () => {
    const now = [gpu({ processes: [user(9, 0, 'foreign')] })]
    expect(kinds({ now, tellsOwn: false })).toEqual([])
    expect(kinds({ now, tellsOwn: false, nothingLoaded: true })).toEqual(['foreign_process'])
  })
})

it('what runs the experiments and does not answer is restarted', () => {
  expect(judge(state({ responds: false })).findings).toMatchObject([
    { kind: 'unresponsive', remedy: 'restart', gpu_index: null },
  ])
  expect(kinds({ responds: null })).toEqual([])
})
