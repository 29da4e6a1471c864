// What of a campaign on Slurm stands in its folder, below `slurm/`: one folder for each submission, written once, and the
// logs of its tasks. Nothing here is ever locked, renamed over by a task, or judged by a clock: it works on NFS.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readPlan } from '../campaign/folder.js'
import type { CampaignPlan } from '../campaign/plan.js'
import { LlemError } from '../core/errors.js'
import { makeFolder, writeJsonAtomically } from '../results/files.js'

const plannedRunSchema = z.object({ experiment: z.int().min(0), cycle: z.int().min(1) })

/** What the tasks of a chunk read: the runs of each, by its array index, and how they are to be run. */
export const taskFileSchema = z.object({
  tasks: z.array(z.array(plannedRunSchema).min(1)),
  simulate: z.union([z.boolean(), z.string()]),
  cold_start: z.boolean(),
  container: z.string().nullable(),
  silent_minutes: z.number(),
  max_node_failures: z.int(),
  excluded: z.array(z.string()),
})
export type TaskFile = z.infer<typeof taskFileSchema>

/** Submitting: nothing of it runs yet, as its jobs are held. */
const submissionStateSchema = z.enum(['submitting', 'submitted', 'withdrawn'])
export type SubmissionState = z.infer<typeof submissionStateSchema>

export const submissionSchema = z.object({
  state: submissionStateSchema,
  /** What the names of its jobs begin with. */
  job_name: z.string(),
  has_accounting: z.boolean(),
  chunks: z.array(
    z.object({
      number: z.int(),
      /** Null where sbatch has not answered yet, or was never asked. */
      job_id: z.string().nullable(),
      /** Of a federation or with --clusters; null is the local one. */
      cluster: z.string().nullable(),
    }),
  ),
})
export type Submission = z.infer<typeof submissionSchema>

/** A submission as it is in the folder. */
export interface KeptSubmission extends Submission {
  folder: string
}

export function slurmFolder(dir: string): string {
  return join(dir, 'slurm')
}

export function isOnSlurm(dir: string): boolean {
  return existsSync(slurmFolder(dir))
}

export function logsFolder(dir: string): string {
  return join(slurmFolder(dir), 'logs')
}

export function taskFile(folder: string, chunk: number): string {
  return join(folder, `chunk-${chunk}.json`)
}

/** Makes the folder of the next submission, which is nobody else's: making a folder fails where it is there. */
export function beginSubmission(dir: string): { folder: string; number: number } {
  makeFolder(logsFolder(dir))
  for (let number = submissionsIn(dir).length + 1; ; number++) {
    const folder = join(slurmFolder(dir), `submission-${number}`)
    try {
      mkdirSync(folder)
      return { folder, number }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

export function writeSubmission({ folder, ...submission }: KeptSubmission): Promise<void> {
  return writeJsonAtomically(join(folder, 'submission.json'), submission)
}

/** A file of a submission that is never changed. */
export function writeOnce(path: string, text: string): void {
  writeFileSync(path, text, { flag: 'wx' })
}

/** All submissions in their order; one that was begun and never written is none. */
export function submissionsIn(dir: string): KeptSubmission[] {
  if (!isOnSlurm(dir)) return []
  const numbers = readdirSync(slurmFolder(dir)).flatMap((name) => {
    const number = /^submission-(\d+)$/.exec(name)?.[1]
    return number === undefined ? [] : [Number(number)]
  })
  return numbers
    .sort((a, b) => a - b)
    .flatMap((number) => {
      const folder = join(slurmFolder(dir), `submission-${number}`)
      const path = join(folder, 'submission.json')
      if (!existsSync(path)) return []
      try {
        return [{ folder, ...parsed(path, submissionSchema) }]
      } catch (error) {
        const known = rebuilt(dir, folder, number)
        if (known === null) throw error
        return [known]
      }
    })
}

/** What a damaged submission.json still is: names tell its jobs, and its other files how many there are. */
function rebuilt(dir: string, folder: string, number: number): KeptSubmission | null {
  const chunks = readdirSync(folder).flatMap((name) => {
    const chunk = /^chunk-(\d+)\.json$/.exec(name)?.[1]
    return chunk === undefined ? [] : [{ number: Number(chunk), job_id: null, cluster: null }]
  })
  if (chunks.length === 0) return null
  return {
    folder,
    state: 'submitted',
    job_name: jobNameOf(readPlan(dir), number),
    has_accounting: false,
    chunks,
  }
}

/** Unique among the campaigns of a cluster as far as their content is. */
export function jobNameOf({ campaign_hash }: Pick<CampaignPlan, 'campaign_hash'>, number: number): string {
  return `llem-${campaign_hash.slice(0, 10)}-${number}`
}

export function readTaskFile(path: string): TaskFile {
  return parsed(path, taskFileSchema)
}

function parsed<T>(path: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new LlemError(`${path} cannot be read`, {
      code: 'SLURM_FILE_DAMAGED',
      hint: 'Cancel the campaign with `llem campaign cancel`, move its folder slurm/ away, and submit it again: results are kept.',
      cause,
    })
  }
}
