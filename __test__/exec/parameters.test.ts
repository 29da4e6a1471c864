import { describe, expect, it } from 'vitest'
import { combinations, parameterOf, problemsOf, substituted } from '../../dist/exec/parameters.js'

const parameter = (typed: string) => {
  const problems: string[] = []
  const found = parameterOf(typed, problems)
  return found ?? problems
}

describe('a list of -L', () => {
  it.for([
    ['size=1,2', ['1', '2']],
    ['size=a b,c', ['a b', 'c']],
    ['size=a\\,b,c', ['a,b', 'c']],
    ['size=,a', ['', 'a']],
    ['size=a,,b', ['a', '', 'b']],
    ['size=a,', ['a', '']],
    ['size=-O1,-O2=x', ['-O1', '-O2=x']],
  ] as const)('%s has its values', ([typed, values]) => {
    expect(parameter(typed)).toEqual({ name: 'size', values })
  })

  it.for([
    ['size', '-L size has no values'],
    ['size=', '-L size has no values'],
    ['1=2', '-L "1" is no name'],
    ['a b=2', '-L "a b" is no name'],
  ] as const)('%s is refused', ([typed, problem]) => {
    expect(parameter(typed)).toEqual([expect.stringContaining(problem)])
  })

  it('makes all combinations with others, the last one changing first', () => {
    const lists = [
      { name: 'a', values: ['1', '2'] },
      { name: 'b', values: ['x', 'y', 'z'] },
    ]
    expect(combinations(lists).map(({ a, b }) => `${a}${b}`)).toEqual(['1x', '1y', '1z', '2x', '2y', '2z'])
    expect(combinations([])).toEqual([{}])
  })

  it('goes where its name stands in braces, once, and nothing else in braces is touched', () => {
    expect(substituted('{a} {b} {c} {{a}} {"a":1}', { a: '{b}', b: '2' })).toBe('{b} 2 {c} {{b}} {"a":1}')
    expect(substituted('{toString} {a}', { a: '$&' })).toBe('{toString} $&')
  })

  it('is a problem where it stands in no line, or twice', () => {
    const threads = { name: 'threads', values: ['1'] }
    expect(problemsOf([threads], ['a {threads}'])).toEqual([])
    expect(problemsOf([threads], ['a {thread}'])).toEqual([
      expect.stringMatching(/^-L threads is in no command line.*did you mean \{thread\}/),
    ])
    expect(problemsOf([threads, threads], ['a {threads}'])).toEqual([expect.stringMatching(/given twice/)])
  })
})
