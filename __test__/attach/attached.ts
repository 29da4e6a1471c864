// `llem attach` over a simulated GPU whose power is known.

import { expect } from 'vitest'
import type { ExecResult } from '../../dist/results/exec.js'
import { llem } from '../native/llem.js'
import { gpu, scenarioFile } from '../native/scenario.js'

export const WATTS = 300
export const constant = scenarioFile([gpu(0, [{ for_s: 1, w: WATTS }])])

export type WithAttached = ExecResult & { attached: NonNullable<ExecResult['attached']> }

export interface Ran {
  code: number | null
  stderr: string
  result: WithAttached
}

/** Runs `llem attach --json`; what llem said where it printed no result. */
export async function attached(
  command: readonly string[],
  {
    options = [],
    cwd,
    scenario = constant,
  }: { options?: readonly string[]; cwd?: string; scenario?: string } = {},
): Promise<Ran> {
  const args = ['attach', '--simulate', scenario, '--json', ...options, '--', ...command]
  const { code, stdout, stderr } = await llem(args, cwd === undefined ? {} : { cwd })
  try {
    return { code, stderr, result: JSON.parse(stdout) }
  } catch {
    throw new Error(`llem printed no result: ${stdout}${stderr}`)
  }
}

/** The one thing in a list. */
export function only<T>(values: readonly T[]): T {
  expect(values).toHaveLength(1)
  return values[0] as T
}
