// One bar over the whole campaign: what runs, the power now, its joules per token so far, and when it may be over.

import type { RunnerEvent } from '../executors/protocol.js'
import type { Observer, Progress } from '../progress/observer.js'
import { centreOf } from '../results/repeated.js'
import type { KeptSummary, RunRecord } from './records.js'
import { numberText } from './statistics.js'

export interface CampaignProgress {
  /** `experiment`: its place in the plan. */
  begun(name: string, experiment: number): void
  tell(event: RunnerEvent): void
  ended(record: RunRecord): void
  /** For what happens between two runs: the bar goes on below it. */
  below: Observer
  stop(): void
}

/** What is shown of each run. */
interface Counted {
  /** By its place in the plan. */
  experiment: number
  summary: Pick<KeptSummary, 'energy_of' | 'energy_per_output_token_j'> | null
}

/** `before`: what of the campaign was done already, for its joules per token. */
export function campaignProgress(
  total: number,
  before: readonly Counted[],
  observer: Observer,
): CampaignProgress {
  const progress: Progress = observer.progress({ label: 'Campaign', total, unit: 'run' })
  const soFar = new JoulesPerToken()
  for (const run of before) soFar.add(run)
  let done = 0
  let name = ''
  let current = -1
  let powerW: number | null = null
  const show = (now: string) => {
    const power = powerW === null ? null : `${powerW.toFixed(0)} W`
    progress.update(
      done,
      [name, now, power, soFar.text(current)].filter((part) => part !== null && part !== '').join(', '),
    )
  }
  return {
    begun(text, experiment) {
      name = text
      current = experiment
      powerW = null
      show('')
    },
    tell(event) {
      if (event.event !== 'progress') return
      powerW = event.power_w
      show(`${event.label} ${event.done}/${event.total}${event.detail === '' ? '' : ` (${event.detail})`}`)
    },
    ended({ summary }) {
      done += 1
      powerW = null
      soFar.add({ experiment: current, summary })
      show('')
    },
    below: {
      note: (text) => observer.note(text),
      detail: (text) => observer.detail(text),
      progress: ({ label, total: all, unit }) => ({
        update: (reached, detail = '') => show(`${label} ${reached}/${all} ${unit} ${detail}`.trimEnd()),
        stop: () => undefined,
      }),
    },
    stop: () => progress.stop(),
  }
}

/** Of each experiment the quoted joules per output token over its finished runs, as the campaign's table has them. */
class JoulesPerToken {
  readonly #of = new Map<number, number[]>()
  #whose: string | null = null

  add({ experiment, summary }: Counted): void {
    const joules = summary?.energy_per_output_token_j ?? null
    this.#whose = summary?.energy_of ?? null
    if (joules !== null) this.#of.set(experiment, [...(this.#of.get(experiment) ?? []), joules])
  }

  text(experiment: number): string | null {
    const values = this.#of.get(experiment) ?? []
    const value = centreOf(values, 'log')
    if (value === null) return null
    const whose = this.#whose === null ? '' : ` (${this.#whose})`
    return `${numberText(value)} J/output token${whose} in ${values.length} ${values.length === 1 ? 'run' : 'runs'}`
  }
}
