import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { llem } from '../native/llem.js'
import { fixtureJson } from './fixtures.js'

describe('llem schema', () => {
  it('result prints a JSON Schema that a result fits, and a changed one does not', async () => {
    const { code, stdout, stderr } = await llem(['schema', 'result'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const schema = JSON.parse(stdout)
    expect(schema.required).toContain('total_energy_j')
    // Read back from the text by a reader of JSON Schema, not by the schema that it was made of.
    const reader = z.fromJSONSchema(schema)
    const { migrated } = await import('../../dist/results/migrations.js')
    const result = migrated(fixtureJson('run'), 'run', '')
    expect(reader.safeParse(result).error).toBeUndefined()
    expect(reader.safeParse({ ...result, total_tokens: -1 }).success).toBe(false)
    expect(reader.safeParse({ ...result, energy: undefined }).success).toBe(false)
  })

  it('experiment prints that of a configuration', async () => {
    const { code, stdout } = await llem(['schema', 'experiment'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', required: ['model'] })
  })

  it.for([
    ['resutl', 'Did you mean result? Valid names: experiment, campaign, result'],
    ['nothing-like-it', 'Valid names: experiment, campaign, result'],
  ] as const)('refuses %s and says what there is', async ([name, hint]) => {
    const { code, stdout, stderr } = await llem(['schema', name])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toBe(`llem: there is no schema "${name}". ${hint}. [SCHEMA_UNKNOWN]\n`)
  })
})
