/** A wait or a count that is under way. */
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
  /** Something with a known size begins: prompts, seconds. */
  progress(label: string, total: number, unit: string): Progress
}

export const silentObserver: Observer = {
  note: () => undefined,
  detail: () => undefined,
  progress: () => ({ update: () => undefined, stop: () => undefined }),
}
