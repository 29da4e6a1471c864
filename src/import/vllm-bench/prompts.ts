// What several options of `vllm bench serve` say together: the prompts, and the server's address.

import type { Reading, Taken } from '../reading.js'

type Given = Readonly<Record<string, unknown>>

/** Which option is told as the origin of what it says. */
export type Told = Reading & { option: string }

export function promptsOf(given: Given): Told[] {
  const name = String(given['dataset-name'] ?? 'random')
  const option = 'dataset-name'
  if (name === 'random' || name === 'random-mm') return random(given, name)
  const length = given[`${name}-output-len`] ?? given['output-len']
  const limit: Told[] =
    length === undefined ? [] : [{ option: `${name}-output-len`, to: 'generation.max_tokens', value: length }]
  const path = given['dataset-path']
  if (typeof path !== 'string')
    return [
      {
        option,
        why: `${name} is for vLLM to make; llem takes random, a file or a set of the hub`,
        matters: true,
      },
      ...limit,
    ]
  const isFile = /\.(jsonl|json|csv|txt|parquet|tsv|ndjson)$/.test(path)
  const hub = [`hf:${path}`, given['hf-subset'] ?? '', given['hf-split'] ?? ''].join(':').replace(/:+$/, '')
  const lost: Told[] =
    name === 'sharegpt' && given['sharegpt-output-len'] === undefined
      ? [
          {
            option,
            why: 'vLLM makes each answer as long as that of the data set; llem has one limit, generation.max_tokens',
            matters: true,
          },
        ]
      : []
  return [{ option: 'dataset-path', to: 'prompts', value: isFile ? path : hub }, ...limit, ...lost]
}

function random(given: Given, name: string): Told[] {
  const length = (end: 'input' | 'output', usual: number): Told => {
    const option = given[`random-${end}-len`] === undefined ? `${end}-len` : `random-${end}-len`
    const value = given[option]
    return {
      option,
      to: `prompts.synthetic.${end}_len`,
      value: value ?? usual,
      ...(value === undefined ? { how: 'their default' } : {}),
    }
  }
  const told: Told[] = [length('input', 1024), length('output', 128)]
  if (given.seed !== undefined) told.push({ option: 'seed', to: 'prompts.synthetic.seed', value: given.seed })
  const loses = (option: string, why: string) => {
    const value = given[option]
    if (value !== undefined && value !== 0) told.push({ option, why, matters: true })
  }
  loses('random-range-ratio', 'prompts of llem have one length')
  loses('random-prefix-len', 'prompts of llem share no beginning')
  if (name === 'random-mm') told.push({ option: 'dataset-name', why: 'llem sends text alone', matters: true })
  return told
}

export function addressOf(given: Given): (Taken & { option: string })[] {
  if (given['base-url'] !== undefined) return []
  const host = String(given.host ?? '127.0.0.1')
  const option = given.host === undefined ? 'port' : 'host'
  return [{ option, to: 'vllm.base_url', value: `http://${host}:${given.port ?? 8000}` }]
}
