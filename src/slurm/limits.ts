import { mustCallSlurm } from './programs.js'

/** What a cluster allows and does, by `scontrol show config`. */
export interface ClusterLimits {
  /** Tasks of one array: an index is less than this. */
  maxArraySize: number
  hasAccounting: boolean
}

const DEFAULT_ARRAY_SIZE = 1001

/** Asks the cluster. Throws SLURM_MISSING and SLURM_REFUSED. */
export async function clusterLimits(): Promise<ClusterLimits> {
  return limitsIn(await mustCallSlurm('scontrol', ['show', 'config']))
}

/** From the text of `scontrol show config`. */
export function limitsIn(text: string): ClusterLimits {
  const value = (key: string) => new RegExp(`^${key}\\s*=\\s*(.*?)\\s*$`, 'm').exec(text)?.[1] ?? null
  // 0: the cluster has no arrays, so that each is of one task.
  const size = Number(value('MaxArraySize') ?? DEFAULT_ARRAY_SIZE)
  // max_array_tasks of SchedulerParameters may allow fewer tasks than indices.
  const tasks = Number(/(?:^|,)max_array_tasks=(\d+)/.exec(value('SchedulerParameters') ?? '')?.[1] ?? size)
  const most = Math.min(...[size, tasks].filter((each) => each > 0))
  const storage = value('AccountingStorageType') ?? ''
  return { maxArraySize: Number.isFinite(most) ? most : 1, hasAccounting: storage.endsWith('slurmdbd') }
}
