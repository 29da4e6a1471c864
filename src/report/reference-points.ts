// Points of public tables, from a file of the user's: what others measured, by other methods.

import { z } from 'zod'
import { LlemError } from '../core/errors.js'
import { listedProblems, shortened } from '../core/foreign-text.js'

export interface ReferencePoint {
  name: string
  energyPerOutputTokenJ: number
  outputTokensPerS: number | null
  ttftP50Ms: number | null
  /** Whose number it is. */
  source: string | null
}

/** A record of the file by its keys, and where it stands in it. */
export interface ReferenceRecord {
  place: string
  fields: Readonly<Record<string, unknown>>
}

/** Our own names first, then those of the tables of ML.ENERGY v3 and InferenceX. */
const NAMES = {
  name: ['name', 'nickname', 'model_id', 'model', 'label'],
  energy: [
    'energy_per_output_token_j',
    'energy_per_token_joules',
    'joules_per_output_token',
    'joules_per_token',
  ],
  throughput: ['output_tokens_per_s', 'output_throughput_tokens_per_sec', 'output_tput', 'output_throughput'],
  ttft: ['ttft_p50_ms', 'median_ttft_ms', 'ttft_ms'],
  source: ['source', 'gpu_model', 'hw'],
} as const

const positive = z.preprocess(
  (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
  z.number({ error: 'it must be a number above 0' }).positive({ error: 'it must be a number above 0' }),
)
const text = z.string().trim().min(1)

/** Records -> points, or all problems at once. `path` is for the message. */
export function referencePoints(path: string, records: readonly ReferenceRecord[]): ReferencePoint[] {
  const problems: string[] = []
  const points = records.flatMap(({ place, fields }): ReferencePoint[] => {
    const wrong: string[] = []
    const read = <T>(what: keyof typeof NAMES, schema: z.ZodType<T>, needed: boolean): T | null => {
      const key = NAMES[what].find(
        (each) => fields[each] !== undefined && fields[each] !== null && fields[each] !== '',
      )
      if (key === undefined) {
        if (needed)
          wrong.push(`${place}: it has no ${NAMES[what][0]} (or ${NAMES[what].slice(1).join(', ')})`)
        return null
      }
      const found = schema.safeParse(fields[key])
      if (found.success) return found.data
      wrong.push(
        `${place}: ${key} is ${shortened(JSON.stringify(fields[key]))}; ${found.error.issues[0]?.message}`,
      )
      return null
    }
    const point = {
      name: read('name', text, true),
      energyPerOutputTokenJ: read('energy', positive, true),
      outputTokensPerS: read('throughput', positive, false),
      ttftP50Ms: read('ttft', positive, false),
      source: read('source', text, false),
    }
    problems.push(...wrong)
    const { name, energyPerOutputTokenJ } = point
    return wrong.length > 0 || name === null || energyPerOutputTokenJ === null
      ? []
      : [{ ...point, name, energyPerOutputTokenJ }]
  })
  if (problems.length === 0 && points.length === 0) problems.push('it has no points')
  if (problems.length > 0)
    throw new LlemError(`${path} has no reference points that can be read:\n${listedProblems(problems)}`, {
      code: 'REFERENCE_POINTS_INVALID',
      hint: 'A CSV with the header name,energy_per_output_token_j,output_tokens_per_s,ttft_p50_ms,source, or a JSON list of objects with these keys; the last three may be empty.',
      kind: 'usage',
    })
  return points
}
