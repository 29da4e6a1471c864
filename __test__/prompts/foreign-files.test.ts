// Files that somebody damaged or made to do harm. None may hold llem up, and each is told by what is wrong with it.

import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadExperimentConfig } from '../../dist/config/load.js'
import { LIMITS } from '../../dist/core/limits.js'
import { configFacts } from '../../dist/models/config/facts.js'
import { factsOfModelFolder } from '../../dist/models/folder.js'
import { readGgufModel } from '../../dist/models/gguf/file.js'
import { readParquetFile } from '../../dist/prompts/parquet-file.js'
import { readPromptFile } from '../../dist/prompts/prompt-file.js'
import { startLlem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'

/** 200 rows that hyparquet-writer wrote, with three bytes changed: its decoder reads runs of no length for ever. */
const SPINNING = [
  'UEFSMRUEFUYVRkwVChUAAAADAAAAcCAxAwAAAHAgMgMAAABwIDMDAAAAcCA0AwAAAHAgMBUGFbwBFbwBXBWQAxU6FZADFf8VNBUA',
  'AAAzfr/f7/f7/X6/3+/3+/1+v9/v9/v9fr/f7wMtiEZoREREYzQiI6IhGqERERGN0YiMiIZohEZERDRGIzIiGqIRGhER0RiNyIho',
  'iEZoAEREYzQiI6IhGqERERGN0QAAFQQZLEgEcm9vdBUCABUMJQIYBHRleHQlAAAWkAMZHBkcJggcFQwZJQAQGRgEdGV4dBUAFpAD',
  'Fs4CFs4CJmgmCBw2OigDcCA0GANwIDAAGSwVBBUAFQIAFQYVEIUCAAAAFs4CFpADNs4CACgJaHlwYXJxdWV0GRwcAAAAewAAAFBB',
  'UjE=',
].join('')

const SERVER = 'server:\n  base_url: http://127.0.0.1:9\n'

function written(name: string, content: string | Uint8Array): string {
  const path = join(scratchFolder(), name)
  writeFileSync(path, content)
  return path
}

describe('a Parquet file that keeps its decoder busy for ever', () => {
  const spinning = () => written('prompts.parquet', Buffer.from(SPINNING, 'base64'))

  it('is given up after a silence', async () => {
    const startMs = performance.now()
    await expect(
      readParquetFile(spinning(), { column: null, needed: 3, silenceMs: 2000 }),
    ).rejects.toMatchObject({
      code: 'PROMPTS_INVALID',
      message: expect.stringContaining('said nothing for 2 s'),
    })
    expect(performance.now() - startMs).toBeLessThan(10_000)
  })

  it.for(['SIGINT', 'SIGTERM'] as const)('does not keep %s from ending llem', async (signal) => {
    const config = written('exp.yaml', `backend: server\nmodel: any\nprompts: ${spinning()}\n${SERVER}`)
    const { child, ended } = startLlem(['run', config, '--simulate', '-o', scratchFolder()])
    setTimeout(() => child.kill(signal), 5000)
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
    expect(await ended).toMatchObject({ code: 130, stderr: expect.stringContaining('[INTERRUPTED]') })
    clearTimeout(late)
  })
})

describe('prompts', () => {
  it.for([
    ['a pipe that nobody writes to', (path: string) => execFileSync('mkfifo', [path]), 'it is no file'],
    ['a folder', (path: string) => mkdirSync(path), 'it is a folder'],
    ['a link to a device that never ends', (path: string) => symlinkSync('/dev/zero', path), 'it is no file'],
    [
      'more than any prompts have',
      (path: string) => {
        writeFileSync(path, '')
        // One line, of NULs.
        truncateSync(path, LIMITS.prompt_file_bytes + 1)
      },
      'is a NUL, which no text has',
    ],
  ] as const)('from %s are refused', async ([, make, why]) => {
    const path = join(scratchFolder(), 'prompts.jsonl')
    make(path)
    await expect(readPromptFile(path, { field: null, needed: 10 })).rejects.toMatchObject({
      code: 'PROMPTS_INVALID',
      message: expect.stringContaining(why),
    })
  })

  it('in a line that is nested without end are refused with its number', async () => {
    const path = written('prompts.jsonl', `"fine"\n${'['.repeat(2_000_000)}\n`)
    await expect(readPromptFile(path, { field: null, needed: 10 })).rejects.toThrow(
      'line 2: no JSON (it is nested deeper than 200 levels)',
    )
  })
})

describe('a model', () => {
  it.for([
    [{ model_type: 'llama', num_hidden_layers: 4e9 }, 'config.json claims 4000000000 layers'],
    [{ model_type: 'gpt2', n_layer: 4e9 }, 'config.json claims 4000000000 layers'],
  ] as const)('that claims billions of layers is not known', ([config, why]) => {
    expect(configFacts(config).reasons.parameters).toBe(why)
  })

  it.for([
    ['nested without end', `{"a":${'['.repeat(1_000_000)}`, 'it is nested deeper than 200 levels'],
    ['of 1.5 million values', `[${'0,'.repeat(1_500_000)}0]`, 'it has more than 1000000 values'],
    ['of five MB', ' '.repeat(5e6), 'its config.json has 5000000 bytes'],
  ] as const)('with a config.json %s is refused', ([, content, why]) => {
    const folder = scratchFolder()
    writeFileSync(join(folder, 'config.json'), content)
    expect(() => factsOfModelFolder(folder)).toThrow(why)
  })

  it('in a GGUF file of which a terabyte of nothing claims to be a vocabulary is refused at once', () => {
    // One key "v": a list of strings, each of no length as far as the file reaches.
    const head = Buffer.alloc(8 * 5 + 1)
    head.write('GGUF')
    head.writeUInt32LE(3, 4)
    head.writeBigUInt64LE(1n, 16)
    head.writeBigUInt64LE(1n, 24)
    head.write('v', 32)
    head.writeUInt32LE(9, 33)
    head.writeUInt32LE(8, 37)
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(100_000_000_000n)
    const path = written('model.gguf', Buffer.concat([head, length]))
    truncateSync(path, 1e12)
    expect(() => readGgufModel(path)).toThrow('it claims 100000000000 strings in an array')
  })
})

describe('a configuration', () => {
  it('with 10,000 variables for a server is read within 5 s', () => {
    const lines = Array.from({ length: 10_000 }, (_, index) => `    V${index}: "v${index}"`)
    const text = `model: m\nbackend: server\nserver:\n  command: [a, "{port}"]\n  env:\n${lines.join('\n')}\n`
    const startMs = performance.now()
    expect(loadExperimentConfig({ text }).ok).toBe(true)
    expect(performance.now() - startMs).toBeLessThan(5000)
  })
})
