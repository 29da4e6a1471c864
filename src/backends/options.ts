import { z } from 'zod'
import { LlemError } from '../core/errors.js'

/**
 * Checks a backend's group of options and fills in what is absent. `backend`: as messages name it. Throws OPTIONS_INVALID
 * with every problem.
 */
export function parseOptions<T extends z.ZodObject>(
  backend: string,
  schema: z.ZodPrefault<T>,
  options: Record<string, unknown>,
): z.infer<T> {
  const parsed = schema.safeParse(options)
  if (parsed.success) return parsed.data
  throw new LlemError(`${backend} options: ${z.prettifyError(parsed.error)}`, {
    code: 'OPTIONS_INVALID',
    hint: `Known options: ${Object.keys(schema.unwrap().shape).join(', ')}.`,
    kind: 'usage',
  })
}
