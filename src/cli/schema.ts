// llem schema: what is on disk, as JSON Schema.

import { experimentJsonSchema } from '../config/json-schema.js'
import { campaignFileJsonSchema } from '../config/load-campaign.js'
import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'
import { resultJsonSchema } from '../results/json-schema.js'
import { printJson } from './screen.js'

/** Everything that has a schema. */
export const SCHEMAS = {
  experiment: experimentJsonSchema,
  campaign: campaignFileJsonSchema,
  result: resultJsonSchema,
} as const

/** Prints a JSON Schema. */
export function schema(name: string): void {
  const known = Object.entries(SCHEMAS).find(([each]) => each === name)
  if (known === undefined) {
    const names = Object.keys(SCHEMAS)
    const meant = closest(name, names)
    throw new LlemError(`there is no schema ${JSON.stringify(name)}`, {
      code: 'SCHEMA_UNKNOWN',
      hint: `${meant === null ? '' : `Did you mean ${meant}? `}Valid names: ${names.join(', ')}.`,
      kind: 'usage',
    })
  }
  printJson(known[1]())
}
