import { LlemError } from '../core/errors.js'

/** A Parquet file that cannot be read; `why` goes in brackets. */
export function unreadableTable(path: string, why: string, cause?: unknown): LlemError {
  return new LlemError(`the prompts in ${path} cannot be read (${why})`, {
    code: 'PROMPTS_INVALID',
    hint: 'Give the path of a Parquet file with a column of text.',
    kind: 'usage',
    cause,
  })
}
