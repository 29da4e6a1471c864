import { describe, expect, it } from 'vitest'
import { assignGpus } from '../../dist/experiment/fleet.js'
import { shardOf } from '../../dist/experiment/inference.js'

describe('the GPUs of several processes', () => {
  it.for([
    ['one process sees what llem sees', 1, ['a', 'b'], [null]],
    ['two get one each', 2, ['a', 'b'], [['a'], ['b']]],
    ['more GPUs than processes leave some over', 2, ['a', 'b', 'c'], [['a'], ['b']]],
    ['fewer GPUs are shared in turns', 3, ['a', 'b'], [['a'], ['b'], ['a']]],
    ['without a GPU there is nothing to give', 2, [], [null, null]],
  ] as const)('%s', ([, processes, uuids, assigned]) => {
    expect(assignGpus(processes, uuids)).toEqual(assigned)
  })
})

describe('the prompts of several processes', () => {
  const prompts = ['a', 'b', 'c', 'd', 'e'].map((text) => ({ text }))
  const texts = (index: number, count: number) =>
    shardOf(prompts, index, count).map(({ prompt }) => prompt.text)

  it('are dealt out in turns, each once', () => {
    expect([texts(0, 2), texts(1, 2)]).toEqual([
      ['a', 'c', 'e'],
      ['b', 'd'],
    ])
    expect(texts(0, 1)).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('keep their place among all', () => {
    expect(shardOf(prompts, 1, 3).map(({ index }) => index)).toEqual([1, 4])
  })
})
