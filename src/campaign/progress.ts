// One bar over the whole campaign: what runs, the power now, the joules per token so far, and when it may be over.

import type { RunnerEvent } from '../executors/protocol.js'
import type { Observer, Progress } from '../experiment/observer.js'
import type { KeptSummary, RunRecord } from './records.js'

export interface CampaignProgress {
  begun(name: string): void
  tell(event: RunnerEvent): void
  ended(record: RunRecord): void
  /** For what happens between two runs: the bar goes on below it. */
  below: Observer
  stop(): void
}

/** What is added up of each run. */
type Counted = Pick<KeptSummary, 'energy_j' | 'output_tokens'>

/** `before`: what of the campaign was done already, for its joules per token. */
export function campaignProgress(
  total: number,
  before: readonly (Counted | null)[],
  observer: Observer,
): CampaignProgress {
  const progress: Progress = observer.progress({ label: 'Campaign', total, unit: 'run' })
  const soFar = new JoulesPerToken()
  for (const summary of before) soFar.add(summary)
  let done = 0
  let name = ''
  let powerW: number | null = null
  const show = (now: string) => {
    const power = powerW === null ? null : `${powerW.toFixed(0)} W`
    progress.update(
      done,
      [name, now, power, soFar.text].filter((part) => part !== null && part !== '').join(', '),
    )
  }
  return {
    begun(text) {
      name = text
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
      soFar.add(summary)
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

/** All joules of the finished runs over all of their output tokens; runs without energy count for neither. */
class JoulesPerToken {
  #joules = 0
  #tokens = 0
  #runs = 0

  add(summary: Counted | null): void {
    if (summary === null || summary.energy_j === null || summary.output_tokens === 0) return
    this.#joules += summary.energy_j
    this.#tokens += summary.output_tokens
    this.#runs += 1
  }

  get text(): string | null {
    if (this.#runs === 0) return null
    const mean = (this.#joules / this.#tokens).toPrecision(3)
    return `${mean} J/output token in ${this.#runs} ${this.#runs === 1 ? 'run' : 'runs'}`
  }
}
