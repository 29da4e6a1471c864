export interface ClusterOptions {
  nodes?: number
  gpus?: number
  cpus?: number
  accounting?: boolean
  options?: Readonly<Record<string, string | number>>
}
export function whyNoCluster(): string | null
export function whyNoAccounting(): string | null
export function startCluster(folder: string, options?: ClusterOptions): Promise<string>
export function restartController(folder: string, options?: { downMs?: number }): Promise<void>
export function endController(
  folder: string,
  options?: { signal?: NodeJS.Signals; losesJobs?: boolean },
): Promise<void>
export function startController(folder: string): Promise<void>
export function endNode(folder: string, name: string): Promise<void>
export function stopCluster(folder: string): Promise<void>
