import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { configError, renderProblems } from '../../src/config/problems.js'
import { problemLines, problemsOf } from './loading.js'

describe('the problems of one experiment', () => {
  it('are all reported at once, each at its own line and column, in reading order', () => {
    const text = `model: 3
energy:
  interval_ms: 0
  intervl_ms: 4
  backend: nvlm
  devices: [0, GPU-x, -1, foo]
interval_ms: 3
warmup: { max_prompts: 3, enabled: yes, thermal_floor_seconds: 5 }
prompts: { synthetic: { input_len: 0, sed: 4 } }
baseline: { duration_seconds: 30, duration_sec: 30 }
llamacpp:
generation: { top_k: ten }
`
    expect(problemLines(text, { sets: ['n_prompts=ten'], env: { LLEM_ENERGY_DEVICES: '0' } })).toEqual([
      'exp.yaml:1:8: model must be text (not empty, no control characters), got 3; put it in quotes',
      'exp.yaml:3:16: energy.interval_ms must be a number from 1 to 5000 (ms), got 0',
      'exp.yaml:4:3: unknown key `intervl_ms` under `energy`; did you mean `interval_ms`?',
      'exp.yaml:5:12: energy.backend must be nvml, zeus, rapl, codecarbon, auto, or null to disable, got the text "nvlm"; did you mean `nvml`?',
      'exp.yaml:6:23: energy.devices[2] must be a GPU index from 0 or a GPU-..., MIG-..., AMD-... or PCI-... UUID, got -1',
      'exp.yaml:6:27: energy.devices[3] must be a GPU index from 0 or a GPU-..., MIG-..., AMD-... or PCI-... UUID, got the text "foo"',
      'exp.yaml:7:1: unknown key `interval_ms`; `interval_ms` belongs under `energy`',
      'exp.yaml:8:24: warmup.window_size (5, the default) must not exceed warmup.max_prompts (3)',
      'exp.yaml:8:24: warmup.min_prompts (5, the default) must not exceed warmup.max_prompts (3)',
      'exp.yaml:8:36: warmup.enabled must be true or false, got the text "yes"; did you mean `true`?',
      'exp.yaml:8:64: warmup.thermal_floor_seconds must be 0 (off) or a number of at least 30 (s), got 5',
      'exp.yaml:9:36: prompts.synthetic.input_len must be a whole number of at least 1 (tokens), got 0',
      'exp.yaml:9:39: unknown key `sed` under `prompts.synthetic`; did you mean `seed`?',
      'exp.yaml:10:13: baseline.duration_seconds is another name of baseline.duration_sec, which is given too; keep one of the two',
      'exp.yaml:11:10: llamacpp must be a mapping with keys such as threads, context_size, parallel, got null; leave the key out for its defaults',
      'exp.yaml:12:22: generation.top_k must be a whole number of at least 1 (tokens) or null, got the text "ten"',
      'LLEM_ENERGY_DEVICES: unknown key `energy_devices`; did you mean `LLEM_ENERGY__DEVICES`?',
      '--set n_prompts: n_prompts must be a whole number from 1 to 100000 (prompts), got the text "ten"',
    ])
  })

  const CASES: [string, string, string[]][] = [
    [
      'puts a missing model at the start',
      'n_prompts: 3',
      ['exp.yaml:1:1: model is missing: it must be text (not'],
    ],
    [
      'puts a missing nested key at its parent',
      'model: m\nprompts: {}',
      ['exp.yaml:2:10: prompts.synthetic is missing: it must be a mapping with keys such as input_len'],
    ],
    [
      'says what is wrong inside a mapping instead of naming all kinds',
      'model: m\nprompts: { synthetic: 3 }',
      [
        'exp.yaml:2:23: prompts.synthetic must be a mapping with keys such as input_len, output_len, seed, got 3',
      ],
    ],
    [
      'reports an empty value where it would stand',
      'model:\nn_prompts: 3',
      ['exp.yaml:1:7: model must be text'],
    ],
    [
      'points at the alias, not at its anchor',
      'model: &a 3\noutput_dir: *a',
      ['exp.yaml:1:11:', 'exp.yaml:2:13:'],
    ],
    [
      'names all levels that have the key',
      'model: m\nseed: 1',
      [
        'exp.yaml:2:1: unknown key `seed`; `seed` belongs under `prompts.synthetic` or under `dataset` or under `generation`',
      ],
    ],
    [
      'sends a key up to the top level',
      'model: m\nenergy: { n_prompts: 1 }',
      ['exp.yaml:2:11: unknown key `n_prompts` under `energy`; `n_prompts` belongs at the top level'],
    ],
    [
      'shows how a dotted key is nested',
      'model: m\nenergy.backend: null',
      ['exp.yaml:2:1: unknown key `energy.backend`; write it nested: energy: { backend: ... }'],
    ],
    [
      'finds a misspelt key of another level',
      'model: m\nthermal_flor_seconds: 60',
      ['exp.yaml:2:1: unknown key `thermal_flor_seconds`; did you mean `warmup.thermal_floor_seconds`?'],
    ],
    ['suggests nothing far-fetched', 'model: m\nquantum: 1', ['exp.yaml:2:1: unknown key `quantum`']],
    [
      'ignores the case of a key',
      'MODEL: m',
      ['exp.yaml:1:1: model is missing', 'exp.yaml:1:1: unknown key `MODEL`; did you mean `model`?'],
    ],
  ]
  it.each(CASES)('%s', (_, text, expected) => {
    const lines = problemLines(text)
    expect(lines).toHaveLength(expected.length)
    for (const [i, line] of lines.entries()) expect(line).toContain(expected[i])
  })

  it('cannot rewrite the terminal', () => {
    const text = 'model: m\n"a\\e[2Jb": 1\nn_prompts: "\\e[31m\\u202e"\n'
    expect(renderProblems(problemsOf({ text }))).not.toMatch(/\p{Cf}|(?!\n)\p{Cc}/u)
  })

  it('make one error that exits as a usage error', () => {
    const error = configError(problemsOf({ path: 'exp.yaml', text: 'n_prompts: 0' }))
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', kind: 'usage' })
    expect(error.message).toMatch(
      /^2 problems in the configuration:\nexp\.yaml:1:1: model .*\nexp\.yaml:1:12: n_prompts /,
    )
  })
})

describe('an experiment file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'llem-config-'))
  afterAll(() => rmSync(dir, { recursive: true }))

  it('that is missing is a problem, not a throw', () => {
    expect(problemsOf({ path: 'no/such.yaml' })).toEqual([
      { where: 'no/such.yaml', key: null, message: 'there is no such file', suggestion: null },
    ])
  })

  it.each([
    ['a directory', dir, 'is a directory, not an experiment file'],
    ['a device without end', '/dev/zero', 'is not a file'],
    ['a name that no file can have', 'a\0b', 'cannot be read: '],
  ])('cannot be %s', (_, path, message) => {
    expect(problemsOf({ path })[0]?.message).toContain(message)
  })

  it.each([
    [
      'larger than any experiment',
      Buffer.alloc(300_000, '#'),
      'is too large for an experiment file (300000 bytes)',
    ],
    ['no text', Buffer.from([0x6d, 0xff, 0xfe]), 'is not UTF-8 text'],
  ])('is refused when it is %s', (name, content, message) => {
    const path = join(dir, name.replaceAll(' ', '-'))
    writeFileSync(path, content)
    expect(problemsOf({ path })).toEqual([{ where: path, key: null, message, suggestion: null }])
  })

  it('is read by its path, a byte order mark included', () => {
    const path = join(dir, 'exp.yaml')
    writeFileSync(path, '\ufeffmodel: m\nn_prompts: 0\n')
    expect(problemsOf({ path }).map(({ where }) => where)).toEqual([`${path}:2:12`])
  })

  it('may be absent when everything is written elsewhere', () => {
    expect(problemsOf({ sets: ['model=m'] })).toEqual([])
    expect(problemsOf({}).map(({ where }) => where)).toEqual(['command line'])
  })

  it('does not hide what is wrong on the command line when it cannot be read', () => {
    const wheres = problemsOf({ path: 'no/such.yaml', sets: ['modl=x'] }).map(({ where }) => where)
    expect(wheres).toEqual(['no/such.yaml', '--set modl'])
  })
})
