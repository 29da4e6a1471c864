import { describe, expect, it } from 'vitest'
import { RESERVED_VARIABLES } from '../../src/config/environment.js'
import { type ConfigSources, loadExperimentConfig } from '../../src/config/load.js'
import { configOf, problemLines } from './loading.js'

const all: ConfigSources = {
  path: 'exp.yaml',
  text: 'model: file\nn_prompts: 1\nenergy:\n  interval_ms: 11\n  slow_interval_ms: 111\n',
  env: { LLEM_N_PROMPTS: '2', LLEM_ENERGY__INTERVAL_MS: '12', LLEM_OUTPUT_DIR: 'env' },
  sets: ['n_prompts=3', 'energy.interval_ms=13', 'generation={seed: 3}'],
  flags: { n_prompts: { flag: '-n', value: 4 }, model: { flag: '-m', value: undefined } },
}

describe('a value that is written in several places', () => {
  it('is taken from the flag, else --set, else the environment, else the file', () => {
    const config = configOf(all)
    expect(config.n_prompts).toBe(4)
    expect(config.energy.interval_ms).toBe(13)
    expect(config.output_dir).toBe('env')
    expect(config.energy.slow_interval_ms).toBe(111)
    expect(config.generation.seed).toBe(3)
    expect(config.model).toBe('file')
  })

  it('is known by where it was written', () => {
    const loaded = loadExperimentConfig(all)
    expect(loaded).toMatchObject({
      ok: true,
      sources: {
        model: 'exp.yaml:1:8',
        n_prompts: '-n',
        'energy.interval_ms': '--set energy.interval_ms',
        'energy.slow_interval_ms': 'exp.yaml:5:21',
        'generation.seed': '--set generation',
        output_dir: 'LLEM_OUTPUT_DIR',
      },
    })
  })

  it('is judged only where it wins', () => {
    expect(problemLines('model: m\nn_prompts: 0', { sets: ['n_prompts=5'] })).toEqual([])
  })

  it('is taken from the last of two --set', () => {
    expect(configOf({ text: 'model: m', sets: ['n_prompts=5', 'n_prompts=6'] }).n_prompts).toBe(6)
  })

  it('replaces a list and another kind of value as a whole', () => {
    const text = 'model: m\nprompts: p.txt\nenergy: { devices: [0, 1] }'
    const config = configOf({ text, sets: ['energy.devices=[2]', 'prompts.synthetic.seed=1'] })
    expect(config.energy.devices).toEqual([2])
    expect(config.prompts).toMatchObject({ synthetic: { seed: 1 } })
  })
})

describe('--set', () => {
  it.each([
    ['null', 'energy.backend=null', { energy: { backend: null } }],
    ['a decimal', 'generation.temperature=0.5', { generation: { temperature: 0.5 } }],
    ['a list', 'energy.devices=[0, GPU-1]', { energy: { devices: [0, 'GPU-1'] } }],
    ['a mapping', 'prompts={synthetic: {input_len: 7}}', { prompts: { synthetic: { input_len: 7 } } }],
    ['text that holds =', 'output_dir=a=b', { output_dir: 'a=b' }],
    ['text that looks like a number', 'experiment_name=2024', { experiment_name: '2024' }],
    ['quoted text', 'experiment_name="a b"', { experiment_name: 'a b' }],
    ['text that is no YAML', 'output_dir=@home', { output_dir: '@home' }],
    ['spaces around =', 'n_prompts = 7', { n_prompts: 7 }],
  ])('reads %s', (_, set, expected) => {
    expect(configOf({ text: 'model: m', sets: [set] })).toMatchObject(expected)
  })

  it.each([
    [
      'energy.intervl_ms=3',
      '--set energy.intervl_ms: unknown key `energy.intervl_ms`; did you mean `energy.interval_ms`?',
    ],
    ['interval_ms=3', '--set interval_ms: unknown key `interval_ms`; did you mean `energy.interval_ms`?'],
    [
      'enery.interval_ms=3',
      '--set enery.interval_ms: unknown key `enery.interval_ms`; did you mean `energy.interval_ms`?',
    ],
    [
      'n_prompts',
      '--set n_prompts: the text "n_prompts" has no =; write --set key=value, e.g. --set energy.interval_ms=20',
    ],
    ['=3', '--set : unknown key ``'],
    ['model=', '--set model: model must be text (not empty, no control characters), got null'],
    ['energy.devices=[0', '--set energy.devices: energy.devices: not readable as YAML: Flow sequence'],
    ['energy.devices=!x [0]', '--set energy.devices: energy.devices: the tag !x is not allowed here'],
    ['energy.devices=[0, -1]', '--set energy.devices: energy.devices[1] must be a GPU index'],
    [
      'llamacpp={thread: 1}',
      '--set llamacpp: unknown key `thread` under `llamacpp`; did you mean `threads`?',
    ],
    ['n_prompts.x=1', '--set n_prompts.x: unknown key `n_prompts.x`; did you mean `n_prompts`?'],
    ['__proto__.x=1', '--set __proto__.x: unknown key `__proto__.x`'],
  ])('refuses %s', (set, line) => {
    const lines = problemLines('model: m', { sets: [set] })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(line)
  })
})

describe('the environment', () => {
  it('leaves reserved variables and those of others alone', () => {
    const reserved = RESERVED_VARIABLES.map((name) => [name.replace('*', 'ANY'), 'x'])
    const env = { ...Object.fromEntries(reserved), PATH: '/bin', LLEMUR: '1', llem_model: 'x' }
    expect(problemLines('model: m', { env })).toEqual([])
  })

  it('counts an empty variable as unset', () => {
    expect(configOf({ text: 'model: m', env: { LLEM_MODEL: '', LLEM_N_PROMPTS: ' ' } }).model).toBe('m')
  })

  it.each([
    [
      'LLEM_ENERGY__INTERVALL_MS',
      'unknown key `energy.intervall_ms`; did you mean `LLEM_ENERGY__INTERVAL_MS`?',
    ],
    ['LLEM_XYZZY', 'unknown key `xyzzy`'],
    ['LLEM_N_PROMPTS', 'n_prompts must be a whole number from 1 to 100000 (prompts), got the text "many"'],
  ])('reports %s by its name', (name, message) => {
    expect(problemLines('model: m', { env: { [name]: 'many' } })).toEqual([`${name}: ${message}`])
  })
})

describe('a flag', () => {
  it('may carry a text as it was typed', () => {
    const flags = { n_prompts: { flag: '-n', value: '50' }, model: { flag: '-m', value: '123' } }
    expect(configOf({ flags })).toMatchObject({ n_prompts: 50, model: '123' })
  })

  it('is named as it was typed when its value is wrong', () => {
    expect(problemLines('model: m', { flags: { n_prompts: { flag: '-n', value: '0' } } })).toEqual([
      '-n: n_prompts must be a whole number from 1 to 100000 (prompts), got 0',
    ])
  })
})
