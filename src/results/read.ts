import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { LlemError, messageOf } from '../core/errors.js'
import { energySchema } from './energy.js'
import { type ExperimentResult, experimentResultSchema } from './experiment.js'

/** What `llem exec` writes, as far as it is read again. */
const execResultSchema = z.object({
  kind: z.literal('exec'),
  duration_sec: z.number().nullable(),
  energy: energySchema.nullable(),
  timeseries_path: z.string().nullable(),
  samples_path: z.string().nullable(),
})

/** A result by what wrote it. */
export type AnyResult =
  | { kind: 'exec'; content: z.infer<typeof execResultSchema> }
  | { kind: 'run'; content: ExperimentResult }

/** Reads the result.json of a folder. Throws RESULT_MISSING or RESULT_INVALID. */
export function readResult(dir: string): AnyResult {
  const path = join(dir, 'result.json')
  if (!existsSync(path)) {
    throw new LlemError(`${dir} is no folder of a result: it has no result.json.`, {
      code: 'RESULT_MISSING',
      hint: 'Give the folder that `llem run` or `llem exec -o` has named; `llem recover` makes its files readable where llem was killed.',
      kind: 'usage',
    })
  }
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'))
    const isExec = (content as { kind?: unknown } | null)?.kind === 'exec'
    return isExec
      ? { kind: 'exec', content: execResultSchema.parse(content) }
      : { kind: 'run', content: experimentResultSchema.parse(content) }
  } catch (cause) {
    const why = cause instanceof z.ZodError ? problemsOf(cause) : messageOf(cause)
    throw new LlemError(`${path} is no result of this version of llem: ${why}.`, {
      code: 'RESULT_INVALID',
      hint: 'Verify it with the version that wrote it, which is in environment.versions.',
      kind: 'usage',
      cause,
    })
  }
}

function problemsOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
}
