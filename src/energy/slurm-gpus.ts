// Which GPUs of a node Slurm gave a job, by its variables (srun(1), sbatch(1), "OUTPUT ENVIRONMENT VARIABLES").

import type { Meanings } from '../core/meanings.js'
import { type Finding, warning } from '../results/findings.js'

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

/**
 * What to say where llem measures all GPUs that it sees although it runs in a job, as nothing names those of the job: they may be
 * other jobs'. `shown`: how many are measured. Null outside of a job, and where Slurm gave as many.
 */
export function notNamedByJob(env: NodeJS.ProcessEnv, shown: number): Finding | null {
  if (!env.SLURM_JOB_ID || shown === 0 || gpusOfJob(env) !== null || gpusGiven(env) === shown) return null
  const unreadable = VARIABLES.filter((variable) => env[variable]?.trim())
  const why =
    unreadable.length > 0
      ? `${unreadable.map((variable) => `${variable}=${env[variable]}`).join(' ')} cannot be read as numbers of GPUs`
      : 'Slurm names no GPU of this job'
  return warning(
    'slurm_gpus_not_named',
    `${why}: all ${shown} that the driver shows were measured, and they may be those of other jobs.`,
  )
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

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  slurm_gpus_not_named: {
    meaning:
      'Slurm gave this job no GPU, or its list of them cannot be read. All GPUs that the driver shows were measured, and what other jobs computed on them is in the joules.',
    evidence:
      'SLURM_JOB_GPUS, SLURM_STEP_GPUS and GPU_DEVICE_ORDINAL within a job, without a variable such as CUDA_VISIBLE_DEVICES.',
    advice: 'Ask Slurm for the GPUs (`--gpus`), or name those to measure with `--devices`.',
  },
}
