import type { Step } from '../results/experiment.js'

/** When each step of an experiment began and ended, on the monotonic clock of the samples. */
export class Trace {
  readonly #steps: Step[] = []

  /** Runs a step and writes it down, also when it fails. */
  async step<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    const step: Step = { step: name, start_ns: nowNs(), end_ns: null, error: null }
    this.#steps.push(step)
    try {
      return await work()
    } catch (error) {
      step.error = error instanceof Error ? error.message : String(error)
      throw error
    } finally {
      step.end_ns = nowNs()
    }
  }

  /** The last step of that name; of one that was none, now. */
  lastStep(name: string): { start_ns: number; end_ns: number } {
    const step = this.#steps.findLast((each) => each.step === name)
    const now = nowNs()
    return { start_ns: step?.start_ns ?? now, end_ns: step?.end_ns ?? now }
  }

  /** The steps up to now, in the order in which they began. */
  get steps(): Step[] {
    return this.#steps.map((step) => ({ ...step }))
  }
}

function nowNs(): number {
  return Number(process.hrtime.bigint())
}
