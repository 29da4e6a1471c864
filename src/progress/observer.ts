/** Something with a known size that begins. */
export interface Stretch {
  /** E.g. "Warmup". */
  label: string
  /** Prompts, seconds, runs of a command or megabytes. */
  total: number
  unit: 'prompt' | 's' | 'run' | 'MB'
  /** It may be over sooner: a warmup ends as soon as the latency is steady. */
  isLimit?: boolean
}

/** A stretch that is under way. */
export interface Progress {
  update(done: number, detail?: string): void
  stop(): void
}

/** Whoever wants to know how an experiment is getting on. The library's default is silent. */
export interface Observer {
  /** A sentence for the log. */
  note(text: string): void
  /** A sentence for the log of the verbose. */
  detail(text: string): void
  progress(stretch: Stretch): Progress
  /** What measures is open and tells the GPUs' power together in watts, null where it does not know; null: it is closed. */
  metering?(readPowerW: (() => number | null) | null): void
}

export const silentObserver: Observer = {
  note: () => undefined,
  detail: () => undefined,
  progress: () => ({ update: () => undefined, stop: () => undefined }),
}

/** The same, but what it throws is swallowed: a listener's fault must not cost a measurement. */
export function tolerant(observer: Observer): Observer {
  const quietly = (tell: () => void) => {
    try {
      tell()
    } catch {
      // There is nobody left to tell.
    }
  }
  return {
    note: (text) => quietly(() => observer.note(text)),
    detail: (text) => quietly(() => observer.detail(text)),
    metering: (read) => quietly(() => observer.metering?.(read)),
    progress: (stretch) => {
      let progress: Progress | undefined
      quietly(() => {
        progress = observer.progress(stretch)
      })
      return {
        update: (done, detail) => quietly(() => progress?.update(done, detail)),
        stop: () => quietly(() => progress?.stop()),
      }
    },
  }
}
