import { setTimeout as sleep } from 'node:timers/promises'
import type { Observer } from '../progress/observer.js'
import { interrupted, waitVisibly } from '../progress/wait.js'
import type { PlannedRun } from './order.js'
import type { CampaignPlan } from './plan.js'

type Execution = CampaignPlan['execution']

/** Seconds to wait between two runs. In a grouped campaign cycles are not apart, so all gaps are the same. */
export function gapSeconds(execution: Execution, before: PlannedRun | null, next: PlannedRun): number {
  if (before === null) return 0
  const isNewCycle = execution.structure !== 'grouped' && before.cycle !== next.cycle
  return isNewCycle ? execution.cycle_gap_seconds : execution.config_gap_seconds
}

export interface GapContext {
  observer: Observer
  signal: AbortSignal | undefined
  /** The warmest GPU in C; null where none tells. */
  warmestC: () => Promise<number | null>
}

/** Waits between two runs: for a time, or until the GPUs are cool. Rejects when interrupted. */
export async function waitInGap(seconds: number, execution: Execution, context: GapContext): Promise<void> {
  const { gap_until: until } = execution
  if (until === null) {
    if (seconds > 0) await waitVisibly('Gap', seconds, context)
    return
  }
  await untilCool(until, context)
}

async function untilCool(
  { temperature_c: wantedC, max_seconds: limitS }: NonNullable<Execution['gap_until']>,
  { observer, signal, warmestC }: GapContext,
): Promise<void> {
  const startMs = performance.now()
  const progress = observer.progress({
    label: `Cooling to ${wantedC}C`,
    total: limitS,
    unit: 's',
    isLimit: true,
  })
  try {
    for (;;) {
      const elapsedS = (performance.now() - startMs) / 1000
      const nowC = await warmestC()
      if (nowC === null) {
        observer.note('No GPU tells its temperature, so the gap ends at once.')
        return
      }
      if (nowC <= wantedC || elapsedS >= limitS) {
        observer.note(
          `Cooled to ${nowC}C in ${elapsedS.toFixed(0)}s${nowC > wantedC ? ', the longest gap' : ''}.`,
        )
        return
      }
      progress.update(Math.round(elapsedS), `${nowC}C`)
      await sleep(Math.min(1000, (limitS - elapsedS) * 1000), undefined, { signal })
    }
  } catch (cause) {
    if (signal?.aborted) throw interrupted(cause)
    throw cause
  } finally {
    progress.stop()
  }
}
