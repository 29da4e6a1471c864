import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { attentionFlops } from '../../dist/models/attention-flops.js'
import { classDefaultsOf, DEFAULTED } from '../../dist/models/config/defaults.js'
import { configFacts, type ModelConfig } from '../../dist/models/config/facts.js'
import type { ModelFacts } from '../../dist/models/facts.js'
import { atNight } from '../setup/at-night.js'
import { INSTALL_LIMIT_MS, installRealPytorch, models } from './hugging-face.js'

// What the published config.json of a model says of its shape, against the model as transformers builds it without memory.
// Each line of the file names its source.

const FILE = fileURLToPath(new URL('./published-models.jsonl', import.meta.url))
const WORKER = fileURLToPath(new URL('../../python/pytorch_worker.py', import.meta.url))

interface Row {
  source: string
  config: ModelConfig
}
interface Built {
  source: string
  total?: number
  facts?: ModelFacts
  error?: string
}

const rows: Row[] = readFileSync(FILE, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line))

let missing: string | null
let built: Map<string, Built>
beforeAll(async () => {
  missing = await installRealPytorch()
  if (missing !== null) return
  const told: Built[] = JSON.parse(models('published', [WORKER, FILE]))
  built = new Map(told.map((each) => [each.source, each]))
}, INSTALL_LIMIT_MS)

it('are many, each of its own source', () => {
  expect(new Set(rows.map(({ source }) => source)).size).toBe(rows.length)
  expect(rows.length).toBeGreaterThanOrEqual(50)
  expect(
    rows.filter(({ config }) => configFacts(config).parameters.non_embedding_active !== null),
  ).toHaveLength(rows.length)
})

atNight('what is filled in where a nested config.json is silent is what the class says', (context) => {
  if (missing !== null) context.skip(missing)
  const told: Record<string, Record<string, unknown>> = JSON.parse(models('defaults', DEFAULTED))
  for (const kind of DEFAULTED)
    for (const [key, value] of Object.entries(classDefaultsOf(kind))) {
      const own = told[kind]?.[key]
      // Gemma 3n has a width for each layer, all alike.
      expect({ kind, key, value: Array.isArray(own) ? own[0] : own }).toEqual({ kind, key, value })
    }
})

describe.for(rows)('$source', ({ source, config }) => {
  it('has the weights and the attention that transformers gives it', (context) => {
    if (missing !== null) context.skip(missing)
    const { error, total, facts } = built.get(source) as Built
    expect(error).toBeUndefined()
    const said = configFacts(config)
    const { parameters, attention } = facts as ModelFacts
    const ratio = (a: number | null, b: number | null | undefined) => (a ?? Number.NaN) / (b ?? Number.NaN)
    expect(
      Math.abs(ratio(said.parameters.non_embedding_active, parameters.non_embedding_active) - 1),
    ).toBeLessThan(0.001)
    expect(said.parameters.embedding).toBe(parameters.embedding)
    // What sees or hears beside the language model is not sized by config.json.
    if (said.parameters.total !== null)
      expect(Math.abs(ratio(said.parameters.total, total) - 1)).toBeLessThan(0.001)
    expect(said.tied_embeddings).toBe(facts?.tied_embeddings)
    expect(said.experts).toEqual(facts?.experts)
    for (const tokens of [100, 20_000])
      expect(attentionFlops(said.attention as NonNullable<typeof attention>, tokens)).toBe(
        attentionFlops(attention as NonNullable<typeof attention>, tokens),
      )
  })
})
