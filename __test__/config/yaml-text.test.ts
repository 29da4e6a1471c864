import { describe, expect, it } from 'vitest'
import { configOf, problemLines, problemsOf } from './loading.js'

const bomb = `a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
d: [*c, *c, *c, *c, *c, *c, *c, *c, *c]
`

const REFUSED: [string, string, string][] = [
  ['an empty text', '', 'exp.yaml:1:1: the file is empty; it needs at least `model: path/to/model.gguf`'],
  ['a text of comments', '# model: m\n', 'exp.yaml:1:1: the file is empty'],
  ['a list', '- model: m\n', 'exp.yaml:1:1: an experiment must be a mapping of keys, got a list'],
  ['a word', 'model\n', 'exp.yaml:1:1: an experiment must be a mapping of keys, got the text "model"'],
  [
    'a bracket that never closes',
    'model: m\nenergy: {interval_ms: 5\n',
    'exp.yaml:3:1: not readable as YAML: ',
  ],
  [
    'a tab as indentation',
    'model: m\nenergy:\n\tbackend: nvml\n',
    'exp.yaml:3:1: not readable as YAML: Tabs',
  ],
  ['a second document', 'model: m\n---\nmodel: n\n', 'exp.yaml:2:1: a second document starts here'],
  [
    'a key that is given twice',
    'model: m\nn_prompts: 1\nmodel: n\n',
    'exp.yaml:3:1: the key `model` is given twice',
  ],
  ['a custom tag', 'model: !!js/function "x"\n', 'exp.yaml:1:8: the tag !!js/function is not allowed here'],
  ['a tag of another schema', 'model: !!binary aGk=\n', 'exp.yaml:1:8: the tag !!binary is not allowed here'],
  ['aliases that multiply', bomb, 'exp.yaml:1:1: the aliases (*name) multiply too much'],
  ['an alias without anchor', 'model: *x\n', 'exp.yaml:1:8: the alias *x has no anchor before it'],
  ['an alias inside its own anchor', 'model: &x [*x]\n', 'exp.yaml:1:12: the alias *x contains itself'],
  ['a bottomless nesting', '['.repeat(20_000), 'nested too deeply'],
  ['a __proto__ key', 'model: m\n__proto__: { n_prompts: 1 }\n', 'exp.yaml:2:1: unknown key `__proto__`'],
  [
    'a __proto__ key in a group',
    'model: m\nenergy: { __proto__: { backend: x } }\n',
    'exp.yaml:2:11: unknown key `__proto__` under `energy`',
  ],
  ['a constructor key', 'model: m\nconstructor: 1\n', 'exp.yaml:2:1: unknown key `constructor`'],
  ['a merge key', 'model: m\n<<: { n_prompts: 1 }\n', 'exp.yaml:2:1: unknown key `<<`'],
  ['a key that is a list', 'model: m\n? [a]\n: 1\n', 'unknown key `[ a ]`'],
]

describe('the text of an experiment', () => {
  it.each(REFUSED)('is refused for %s', (_, text, line) => {
    const lines = problemLines(text)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(line)
  })

  it('is YAML 1.2 whatever its directive says', () => {
    expect(problemLines('%YAML 1.1\n---\nmodel: m\nwarmup: { enabled: off }\n')).toEqual([
      'exp.yaml:4:20: warmup.enabled must be true or false, got the text "off"; did you mean `false`?',
    ])
  })

  it('may repeat a value by an alias', () => {
    const config = configOf({ text: 'model: m\nenergy: { interval_ms: &i 20, slow_interval_ms: *i }' })
    expect(config.energy).toMatchObject({ interval_ms: 20, slow_interval_ms: 20 })
  })

  it('reports a key given twice beside what is wrong with its values', () => {
    expect(
      problemLines('model: m\nn_prompts: 1\nn_prompts: 0\nfoo: !x 1\n').map((line) => line.split(': ')[0]),
    ).toEqual(['exp.yaml:3:1', 'exp.yaml:3:12', 'exp.yaml:4:1', 'exp.yaml:4:6'])
  })

  it('may be JSON', () => {
    expect(problemsOf({ text: '{"model": "m", "energy": {"backend": null}}' })).toEqual([])
  })

  it('leaves the prototype of every object alone', () => {
    problemsOf({
      text: '__proto__: { polluted: 1 }',
      sets: ['__proto__.polluted=1', 'energy={__proto__: {polluted: 1}}'],
    })
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })
})
