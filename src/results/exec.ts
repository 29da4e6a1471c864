import { z } from 'zod'
import { attachedSchema } from './attached.js'
import { energySchema } from './energy.js'
import { findingSchema } from './finding.js'

/** The result.json of `llem exec`, whole. */
export const execResultSchema = z.object({
  schema_version: z.string(),
  kind: z.literal('exec'),
  /** Secrets redacted. */
  command: z.array(z.string()),
  exit_code: z.number().int(),
  /** The signal that ended it; null where it ended by itself. */
  signal: z.string().nullable(),
  duration_sec: z.number().nullable(),
  simulated: z.boolean(),
  energy: energySchema.nullable(),
  /** Why there is no energy; null where there is. */
  energy_reason: z.string().nullable(),
  /** What a reader of the joules should know, equal ones of several devices as one. */
  findings: z.array(findingSchema),
  /** Its files, relative to its folder; absolute in older results. */
  timeseries_path: z.string().nullable(),
  samples_path: z.string().nullable(),
  /** Its folder, where it is printed as JSON; not in the file, which may be moved. */
  result_dir: z.string().nullable().optional(),
  /** Of `llem attach`: what the benchmark said, and its joules; absent otherwise. */
  attached: attachedSchema.optional(),
})

export type ExecResult = z.infer<typeof execResultSchema>

/** What `llem exec --runs -o` writes once, beside a folder for each command with one for each of its rounds. */
export const EXEC_RUNS_FILE = 'exec-runs.json'
