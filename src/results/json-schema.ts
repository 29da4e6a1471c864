import { z } from 'zod'
import { experimentResultSchema, SCHEMA_VERSION } from './experiment.js'

/** The JSON schema of the result.json that `llem run` writes, for whoever reads it. */
export function resultJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(experimentResultSchema)
  return {
    $schema,
    title: `result.json of llem run, schema ${SCHEMA_VERSION}`,
    description:
      'Joules (_j), watts (_w), seconds (_s, _sec), milliseconds (_ms), monotonic nanoseconds (_ns), degrees Celsius (_c), percent (_pct). Null is unknown or does not apply; a key nearby says why.',
    ...schema,
  }
}
