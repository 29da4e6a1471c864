import type { GpuLook } from '../native/health.js'

/** A process that grew at each of so many looks leaks; a cache that fills stops. */
const GROWN_LOOKS = 4

/**
 * What each process of the campaign held on each GPU: at the first look and at the last ones, which is all that is judged
 * by, because a daemon looks at what stays loaded for weeks. By GPU, for a model that is spread over several holds another
 * amount on each.
 */
export class MemoryHistory {
  readonly #looks = new Map<string, readonly number[]>()

  remember(gpus: readonly Pick<GpuLook, 'uuid' | 'processes'>[]): void {
    for (const { uuid, processes } of gpus)
      for (const { pid, relation, memoryUsedBytes } of processes ?? [])
        if (relation === 'own' && memoryUsedBytes !== undefined) this.#add(`${uuid} ${pid}`, memoryUsedBytes)
  }

  /** By how many bytes a process grew on a GPU since its first look, if it did at each of the last ones; else 0. */
  grownBy(uuid: string, pid: number): number {
    const looks = this.#looks.get(`${uuid} ${pid}`) ?? []
    const last = looks.slice(-GROWN_LOOKS)
    const grew =
      last.length === GROWN_LOOKS && last.every((bytes, at) => at === 0 || bytes > (last[at - 1] ?? 0))
    return grew ? (last.at(-1) ?? 0) - (looks[0] ?? 0) : 0
  }

  /** After a restart all processes are others. */
  clear(): void {
    this.#looks.clear()
  }

  #add(key: string, bytes: number): void {
    const [first = bytes, ...later] = [...(this.#looks.get(key) ?? []), bytes]
    this.#looks.set(key, [first, ...later.slice(-GROWN_LOOKS)])
  }
}
