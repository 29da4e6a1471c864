import { describe, expect, it } from 'vitest'
import { describeConfig, expectation } from '../../src/config/describe.js'
import { experimentJsonSchema, nodeAt, schemaKeys } from '../../src/config/json-schema.js'
import { ALIASES, ENERGY_BACKENDS, INFERENCE_BACKENDS } from '../../src/config/schema.js'
import { leavesOf, type Tree } from '../../src/config/tree.js'
import { configOf } from './loading.js'

const rows = describeConfig()
const keys = rows.map(({ key }) => key)

describe('the table of keys', () => {
  it('has a sentence for every key and every group', () => {
    const silent = [...schemaKeys()].filter(({ node }) => !/^[A-Z].*\.$/.test(node.description ?? ''))
    expect(silent.map(({ path }) => path.join('.'))).toEqual([])
  })

  it('has every leaf of a resolved config, once', () => {
    const config = configOf({ text: 'model: m\nprompts: { synthetic: {} }' })
    const leaves = [...leavesOf(config as Tree)].map(([path]) => path.join('.'))
    expect(keys).toEqual(expect.arrayContaining(leaves))
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('has nothing that a config cannot hold, besides aliases, the kinds of prompts, of what a meter is and of nodes, and arguments of engines', () => {
    const leaves = [...leavesOf(configOf({ text: 'model: m' }) as Tree)].map(([path]) => path.join('.'))
    // Arguments of engines are there only where they are written.
    const isPassedOn = (key: string) => /^(vllm|tensorrt)\.\w+$/.test(key)
    const others = keys.filter(
      (key) => !leaves.includes(key) && !ALIASES.some(({ alias }) => alias === key) && !isPassedOn(key),
    )
    expect(others).toEqual([
      'prompts.synthetic.input_len',
      'prompts.synthetic.output_len',
      'prompts.synthetic.seed',
      'energy.external.command',
      'energy.external.scope',
      'energy.external.name',
      'energy.external.accuracy_pct',
      'energy.nodes.start',
      'energy.nodes.count',
      'energy.nodes.gpus_per_node',
      'energy.nodes.roles',
      'energy.nodes.start_timeout_sec',
    ])
  })

  it('tells type, default, unit and range', () => {
    expect(rows.find(({ key }) => key === 'energy.interval_ms')).toEqual({
      key: 'energy.interval_ms',
      type: 'number',
      required: false,
      default: 10,
      unit: 'ms',
      range: '1 to 5000',
      description: 'Time between two readings of the power.',
    })
    expect(rows.find(({ key }) => key === 'llamacpp.gpu_layers')).toMatchObject({
      type: 'integer | max | null',
      range: 'at least 0',
      default: null,
    })
    expect(rows.filter(({ required }) => required).map(({ key }) => key)).toEqual([
      'model',
      // Of a meter, where there is one.
      'energy.external.command',
    ])
  })

  it('has the same default as the resolved config', () => {
    const leaves = new Map(
      [...leavesOf(configOf({ text: 'model: m' }) as Tree)].map(([path, value]) => [path.join('.'), value]),
    )
    for (const row of rows.filter(({ key, required }) => leaves.has(key) && !required)) {
      expect([row.key, row.default]).toEqual([row.key, leaves.get(row.key)])
    }
  })

  it('has a unit wherever the name of a key ends in one', () => {
    const unitless = rows.filter(({ key, unit }) => /_(ms|sec|seconds)$/.test(key) && unit === null)
    expect(unitless).toEqual([])
  })

  it('names every backend from its one list', () => {
    expect(nodeAt(['backend'])?.enum).toEqual([...INFERENCE_BACKENDS])
    const node = nodeAt(['energy', 'backend'])
    expect(node === undefined ? '' : expectation(node)).toBe(
      `${[...ENERGY_BACKENDS, 'auto'].join(', ')}, or null to disable`,
    )
  })

  it('has an alias for keys that exist only', () => {
    for (const { alias, key } of ALIASES) expect(keys).toEqual(expect.arrayContaining([alias, key]))
  })
})

describe('the JSON schema', () => {
  it('is strict at every level and requires the model only', () => {
    const objects: unknown[] = []
    JSON.stringify(experimentJsonSchema(), (_, value) => {
      // Environment variables and what goes into requests have the names that others gave them.
      const isFree = value?.propertyNames !== undefined
      if (value?.type === 'object' && !isFree) objects.push(value.additionalProperties)
      return value
    })
    expect(objects.length).toBeGreaterThan(7)
    // Only engines have arguments that nobody here knows.
    const open = objects.filter((each) => each !== false)
    expect(open).toEqual([nodeAt(['vllm', 'any_other']), nodeAt(['tensorrt', 'any_other'])])
    expect(experimentJsonSchema().required).toEqual(['model'])
  })
})
