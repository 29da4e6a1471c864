// On which boards the runs of a campaign were, where that was a cluster: boards of one kind differ by several percent, so that
// what compares runs of different boards compares boards too.

import { z } from 'zod'
import { listedNames } from '../core/foreign-text.js'
import type { KeptRecord, RunRecords } from './records.js'

export const boardsSchema = z.object({
  boards: z.array(z.object({ node: z.string(), gpu_uuids: z.array(z.string()), runs: z.number().int() })),
  /** Cycles whose runs were not all on the same board, so that they are no pairs. */
  cycles_across: z.array(z.number().int()),
})
export type Boards = z.infer<typeof boardsSchema>

/** Null where all ran on the machine of the campaign. */
export function boardsOf(records: RunRecords): Boards | null {
  const boards = new Map<string, Boards['boards'][number]>()
  const ofCycle = new Map<number, Set<string>>()
  for (const run of records.runs()) {
    const board = boardOf(records.of(run))
    if (board === null) continue
    const key = JSON.stringify(board)
    const known = boards.get(key) ?? { ...board, runs: 0 }
    boards.set(key, { ...known, runs: known.runs + 1 })
    ofCycle.set(run.cycle, (ofCycle.get(run.cycle) ?? new Set()).add(key))
  }
  if (boards.size === 0) return null
  const across = [...ofCycle].filter(([, keys]) => keys.size > 1).map(([cycle]) => cycle)
  return {
    boards: [...boards.values()].sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1)),
    cycles_across: across.sort((a, b) => a - b),
  }
}

function boardOf({ status, place, summary }: KeptRecord): { node: string; gpu_uuids: string[] } | null {
  if (status !== 'completed' || place === undefined) return null
  return { node: place.node, gpu_uuids: [...(summary?.gpu_uuids ?? [])].sort() }
}

/** What a reader should know of them; null where all runs were on one board. */
export function boardsText({ boards, cycles_across }: Boards): string | null {
  if (boards.length < 2) return null
  const names = listedNames(boards.map((board) => `${textOf(board)} (${board.runs} runs)`))
  const pairs =
    cycles_across.length === 0
      ? 'The runs of each cycle were on one board, so differences between experiments are of the experiments.'
      : `In ${cycles_across.length} cycles the runs were on different boards, so differences between experiments are of boards too: slurm.pair_on: board keeps them together.`
  return `Measured on ${boards.length} boards, which differ by several percent: ${names}. ${pairs}`
}

function textOf({ node, gpu_uuids }: Pick<Boards['boards'][number], 'node' | 'gpu_uuids'>): string {
  return [node, ...gpu_uuids.map((uuid) => uuid.slice(0, 12))].join(' ')
}
