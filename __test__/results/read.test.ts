import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { experimentResultSchema, SCHEMA_VERSION } from '../../dist/results/experiment.js'
import { migrated, READABLE_VERSIONS } from '../../dist/results/migrations.js'
import { readRecord, readResult } from '../../dist/results/read.js'
import { scratchFolder } from '../native/scenario.js'
import { fixtureJson, placed, written } from './fixtures.js'

/** A fixture with what its energy did not tell then. */
function toldSince(kind: 'run' | 'exec' | 'incomplete') {
  const { energy, ...rest } = fixtureJson(kind)
  const phase = {
    first_update_ms: null,
    first_update_doubt_ms: null,
    counter_first_update_ms: null,
    counter_first_update_doubt_ms: null,
  }
  return {
    ...rest,
    schema_version: SCHEMA_VERSION,
    energy: {
      ...energy,
      sampler: { ...energy.sampler, read_us_p50: null, read_us_p99: null },
      absolute_uncertainty_j: null,
      estimator: null,
      constants_hash: null,
      findings: [],
      unmeasured: null,
      cut: null,
      sensors: [],
      nodes: null,
      untrusted: [],
      domain: 'gpu',
      external: [],
      devices: energy.devices.map(deviceSince(phase)),
    },
    ...(kind === 'exec' ? { findings: [] } : {}),
  }
}

/** Its parts (k = 2) are components now (k = 1), its verdict on the counter a finding, if anything. */
function deviceSince(phase: object) {
  return ({ residual_flagged, counter_trust, self_test_pct, uncertainty, sensor, ...device }: OldDevice) => {
    expect([residual_flagged, typeof self_test_pct]).toEqual([false, 'number'])
    expect(counter_trust).toBe('trusted')
    const components = [
      ['sampling', uncertainty.sampling_j],
      ['edges', uncertainty.edges_j],
      ['gaps', uncertainty.gaps_j],
      ['counter ticks', uncertainty.counter_tick_j],
      ['witnesses differ', uncertainty.residual_j],
    ].flatMap(([component, expanded]) =>
      typeof expanded === 'number'
        ? [
            {
              component,
              source: expect.any(String),
              type: expect.stringMatching(/^[AB]$/),
              standard_uncertainty_j: expanded / 2,
              of_board: false,
            },
          ]
        : [],
    )
    expect(components.length).toBeGreaterThan(0)
    return {
      ...device,
      sensor: { ...sensor, ...phase },
      absolute_uncertainty_j: null,
      uncertainty: components,
      counter_kind: null,
      gain_ratio: null,
      board_gain: null,
      mig: [],
      findings: [],
    }
  }
}

interface OldDevice {
  residual_flagged: boolean
  counter_trust: string
  self_test_pct: number | null
  uncertainty: Record<string, number | null>
  sensor: object
}

const failure = (read: () => unknown) => {
  try {
    read()
  } catch (error) {
    return error as { code: string; kind: string; message: string; hint: string }
  }
  throw new Error('it was read')
}

describe('a result of schema 3.0.0', () => {
  const old = fixtureJson('run')
  const { content, kind, writtenAs } = readResult(placed('run', scratchFolder()))

  it('is read as one of this version', () => {
    expect({ kind, writtenAs }).toEqual({ kind: 'run', writtenAs: '3.0.0' })
    expect(content.schema_version).toBe(SCHEMA_VERSION)
    expect(experimentResultSchema.parse(content)).toEqual(content)
  })

  it('keeps everything that it had, in the words of this version', () => {
    const { prompts, ...rest } = old
    const stamped = { schema_version: SCHEMA_VERSION }
    expect(content).toMatchObject({
      ...rest,
      ...stamped,
      energy: toldSince('run').energy,
      process_results: old.process_results.map((each: object) => ({ ...each, ...stamped })),
      prompts,
    })
  })

  it('has its warnings as findings, and no uncertainty of a token, which nobody divided then', () => {
    if (kind !== 'run') throw new Error(kind)
    const { findings, measurement_warnings } = content
    expect(measurement_warnings.length).toBeGreaterThan(0)
    expect(findings.map(({ code, text }) => `${code}: ${text}`)).toEqual(measurement_warnings)
    expect(content.energy_per_output_token_uncertainty_j).toBeNull()
  })

  it('has null with a reason for what was not kept then', () => {
    expect(kind === 'run' && content.prompts).toEqual({
      ...old.prompts,
      order: 'interleaved',
      seed: null,
      column: null,
      dataset: null,
      truncated: old.process_results[0].truncated,
      token_lengths: { input: null, output: null, reason: 'schema 3.0.0 did not keep them' },
      notes: [],
      taken: [],
    })
  })
})

it('is read by the library, too', async () => {
  const { readResult: read } = await import('../../dist/index.js')
  expect(read(placed('exec', scratchFolder()))).toMatchObject({ kind: 'exec', writtenAs: '3.0.0' })
})

describe('migrations', () => {
  it('change nothing of what they are given', () => {
    const old = fixtureJson('run')
    const before = structuredClone(old)
    migrated(old, 'run', 'result.json')
    expect(old).toEqual(before)
  })

  it('leave a result of this version alone', () => {
    const current = migrated(fixtureJson('run'), 'run', 'result.json')
    expect(migrated(current, 'run', 'result.json')).toEqual(current)
  })

  it('lead from every version that can be read to this one', () => {
    for (const schema_version of READABLE_VERSIONS)
      expect(migrated({ schema_version }, 'exec', '').schema_version).toBe(SCHEMA_VERSION)
  })
})

describe('the folder of a command', () => {
  it('of schema 3.0.0 is read with every key', () => {
    const { kind, content } = readResult(placed('exec', scratchFolder()))
    expect(kind).toBe('exec')
    expect(content).toEqual(toldSince('exec'))
  })
})

describe('the folder of a run that did not end well', () => {
  const dir = placed('incomplete', scratchFolder())

  it('is a record, with what was measured until then', () => {
    const { record } = readRecord(dir)
    expect(record.kind).toBe('incomplete')
    expect(record.content).toEqual(toldSince('incomplete'))
  })

  it('is no result, and says how to look at it', () => {
    expect(failure(() => readResult(dir))).toMatchObject({
      code: 'RESULT_MISSING',
      hint: `See \`llem show ${dir}\`.`,
    })
  })
})

describe('what cannot be read', () => {
  const result = (change: object) =>
    written(join(scratchFolder(), 'result.json'), { ...fixtureJson('run'), ...change })

  it.for(['3.2.1', '3.3.0', '4.0.0', '3.10.0'])('is newer, with schema %s', (schema_version) => {
    expect(failure(() => readResult(result({ schema_version })))).toMatchObject({
      code: 'RESULT_NEWER',
      kind: 'usage',
      message: expect.stringMatching(`schema ${schema_version}, which is newer than ${SCHEMA_VERSION}`),
      hint: 'Update llem and try again.',
    })
  })

  it.for([
    ['a version that never was', { schema_version: '2.9.0' }, 'there is no schema 2.9.0'],
    ['no version', { schema_version: undefined }, 'it has no schema_version'],
    ['a version that is none', { schema_version: 3 }, 'it has no schema_version'],
    ['a key of another type', { total_tokens: 'many' }, 'total_tokens: '],
    ['no energy key', { energy: undefined }, 'energy: '],
  ] as const)('has %s', ([, change, why]) => {
    expect(failure(() => readResult(result(change)))).toMatchObject({
      code: 'RESULT_INVALID',
      message: expect.stringContaining(why),
    })
  })

  it.for(['', '{"schema_version": "3.0', '[]', 'null'])('is no result: %j', (text) => {
    const dir = written(join(scratchFolder(), 'result.json'), text)
    expect(failure(() => readResult(dir))).toMatchObject({ code: 'RESULT_INVALID', kind: 'usage' })
  })

  it('has many problems, of which five are said', () => {
    const dir = written(join(scratchFolder(), 'result.json'), { schema_version: SCHEMA_VERSION })
    const { message } = failure(() => readResult(dir))
    expect(message.split(';')).toHaveLength(6)
    expect(message).toMatch(/and \d+ more\.$/)
  })
})

describe('a folder that is not the one meant', () => {
  const results = scratchFolder()
  const [older, newer] = ['20260101-000000-exec-aaaaaaaaaa', '20260102-000000-llamacpp-bbbbbbbbbb'].map(
    (id) => join(results, id),
  ) as [string, string]
  placed('exec', older)
  placed('incomplete', newer)

  it('lists the runs in it, the newest first', () => {
    expect(failure(() => readResult(results))).toMatchObject({
      code: 'RESULT_MISSING',
      kind: 'usage',
      hint: `Give one of ${newer}, ${older}.`,
    })
  })

  it('is told by the end of its name', () => {
    expect(failure(() => readResult(join(results, 'bbbbbbbbbb'))).hint).toBe(`Did you mean ${newer}?`)
  })

  it('is told when it is mistyped', () => {
    expect(failure(() => readResult(join(results, '20260101-000000-exec-aaaaaaaaab'))).hint).toBe(
      `Did you mean ${older}?`,
    )
  })

  it('is listed with its siblings when nothing is near', () => {
    expect(failure(() => readResult(join(results, 'x')))).toMatchObject({
      message: expect.stringContaining('there is no such folder'),
      hint: `Give one of ${newer}, ${older}.`,
    })
  })

  it('was left by a llem that was killed', () => {
    const dir = join(scratchFolder(), 'killed')
    mkdirSync(dir)
    writeFileSync(join(dir, 'samples.parquet.partial'), '')
    expect(failure(() => readResult(dir)).hint).toContain(`\`llem recover ${dir}\``)
  })

  it('is not needed where the file itself is named', () => {
    expect(readRecord(join(older, 'result.json'))).toMatchObject({ dir: older, record: { kind: 'exec' } })
    expect(readRecord(join(newer, 'incomplete.json')).record.kind).toBe('incomplete')
  })
})

it('a pipe under the name of a result is told, and not waited for', () => {
  const folder = scratchFolder()
  execFileSync('mkfifo', [join(folder, 'result.json')])
  expect(() => readResult(folder)).toThrow(/result\.json is no result of llem: it is no file\./)
})
