// Which GPUs of a node Slurm gave a job, by its variables (srun(1), sbatch(1), "OUTPUT ENVIRONMENT VARIABLES").

/** The GPUs of a job on this node as Slurm counts them, whatever a control group leaves visible of them. */
export interface JobGpus {
  /** The variable that names them. */
  variable: string
  ids: number[]
}

/** Most general first: of the job, of the step, of a task by what OpenCL is told. */
const VARIABLES = ['SLURM_JOB_GPUS', 'SLURM_STEP_GPUS', 'GPU_DEVICE_ORDINAL'] as const

/** Null outside of a job, and where no variable names any. */
export function gpusOfJob(env: NodeJS.ProcessEnv): JobGpus | null {
  if (!env.SLURM_JOB_ID) return null
  for (const variable of VARIABLES) {
    const ids = idsIn(env[variable] ?? '')
    if (ids.length > 0) return { variable, ids }
  }
  return null
}

/** How many GPUs of this node are the job's; null where nobody says it. */
export function gpusGiven(env: NodeJS.ProcessEnv): number | null {
  if (!env.SLURM_JOB_ID) return null
  const count = Number(env.SLURM_GPUS_ON_NODE)
  if (Number.isInteger(count) && count > 0) return count
  return gpusOfJob(env)?.ids.length ?? null
}

/** "0,2" and "0-3"; what is something else names none. */
function idsIn(text: string): number[] {
  const parts = text.split(',').map((part) => /^(\d+)(?:-(\d+))?$/.exec(part.trim()))
  if (parts.some((part) => part === null)) return []
  const ids = parts.flatMap((part) => {
    const [from, to] = [Number(part?.[1]), Number(part?.[2] ?? part?.[1])]
    return to < from || to - from > 1000 ? [] : Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
  return [...new Set(ids)]
}
