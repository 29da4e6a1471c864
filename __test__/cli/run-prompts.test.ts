import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { scratchFolder } from '../backends/tiny-model.js'
import { type FakeServer, STRING, startDatasetsServer } from '../prompts/datasets-server.js'
import { filesIn, pathIn, resultIn, run } from './experiment.js'

vi.setConfig({ testTimeout: 60_000 })

const TOKEN = 'hf_abcdefghijklmnop'
const rows = Array.from({ length: 120 }, (_, index) => ({
  id: `id-${index}`,
  messages: [{ role: 'user', content: 'word '.repeat(1 + (index % 20)).trim() + index }],
}))

let server: FakeServer
let env: NodeJS.ProcessEnv
beforeAll(async () => {
  server = await startDatasetsServer({
    'owner/chats': {
      configs: { default: { train: rows } },
      features: { id: STRING, messages: [{ role: STRING, content: STRING }] },
      token: TOKEN,
    },
  })
  env = { LLEM_DATASETS_SERVER: server.address, HF_TOKEN: TOKEN }
})
afterAll(() => server.close())

const ENERGYLESS = ['energy.backend=null', 'generation.max_tokens=4']

describe('llem run on a data set of the hub', () => {
  it('tells in the result which prompts it measured, how long they were, and runs again offline', async () => {
    const sets = [
      ...ENERGYLESS,
      'prompts=hf:owner/chats',
      'dataset.order=shuffled',
      'dataset.seed=7',
      'dataset.max_input_tokens=16',
    ]
    const first = await run(['-n', '30', '-v'], sets, env)
    expect(first).toMatchObject({ code: 0 })
    const { prompts, process_results, effective_config } = resultIn(first.outputDir)
    const { input, output, reason } = prompts.token_lengths
    expect(prompts).toMatchObject({
      source: 'hf:owner/chats:default:train:messages',
      count: 30,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      order: 'shuffled',
      seed: 7,
      column: 'messages',
      dataset: { name: 'owner/chats', config: 'default', split: 'train', revision: 'c0ffee' },
      notes: [],
    })
    expect(effective_config).toMatchObject({ prompts: 'hf:owner/chats', dataset: { max_input_tokens: 16 } })
    const requests = readFileSync(pathIn(first.outputDir, resultIn(first.outputDir).requests_path), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const lengths = requests.map(({ input_tokens }) => input_tokens as number)
    expect(Math.max(...lengths)).toBe(16)
    expect(input).toMatchObject({ count: 30, min: Math.min(...lengths), max: 16 })
    expect(input?.histogram.counts.reduce((sum, count) => sum + count, 0)).toBe(30)
    expect(output?.max).toBeLessThanOrEqual(4)
    expect(reason).toBeNull()
    expect(prompts.truncated).toBe(requests.filter(({ truncated }) => truncated).length)
    expect(prompts.truncated).toBe(process_results[0]?.truncated)
    expect(prompts.truncated).toBeGreaterThan(0)
    // Neither what is written nor what is said has the token.
    expect(`${first.stdout}${first.stderr}${JSON.stringify(resultIn(first.outputDir))}`).not.toContain(TOKEN)

    const again = await run(['-n', '30'], sets, { LLEM_DATASETS_SERVER: 'http://127.0.0.1:1' })
    // Another address is another server; what was fetched from this one is there without it.
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('[DATASET_UNREACHABLE]') })
    const asked = server.asked.length
    server.intercept = (_, response) => {
      response.destroy()
      return true
    }
    const offline = await run(['-n', '30'], sets, env)
    server.intercept = () => false
    expect(offline.code).toBe(0)
    expect(server.asked).toHaveLength(asked)
    expect(resultIn(offline.outputDir).prompts.hash).toBe(prompts.hash)
  })

  it('or from a file says in the result what was taken for what', async () => {
    const path = join(scratchFolder(), 'chats.jsonl')
    const lines = [
      {
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hello there' },
        ],
      },
      { conversations: [{ from: 'human', value: 'What is a joule?' }] },
      { instruction: 'Add', input: '1 and 2', output_tokens: 3 },
    ]
    writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    const { code, outputDir } = await run(['-n', '3'], [...ENERGYLESS, `prompts=${path}`])
    expect(code).toBe(0)
    const { prompts } = resultIn(outputDir)
    expect(prompts).toMatchObject({ source: path, count: 3, column: null })
    expect(prompts.taken).toEqual([
      { from: 'messages', as: 'text', count: 1 },
      { from: 'messages', as: 'system', count: 1 },
      { from: 'conversations', as: 'text', count: 1 },
      { from: 'instruction+input', as: 'text', count: 1 },
      { from: 'output_tokens', as: 'output_tokens', count: 1 },
    ])
  })

  it('that is misspelt is an error of usage, before anything is measured', async () => {
    const { code, stdout, stderr, outputDir } = await run([], ['prompts=hf:owner/chats:default:trian'], env)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toBe(
      'llem: the data set owner/chats:default has no split "trian". Did you mean train? It has train. [DATASET_SPLIT_UNKNOWN]\n',
    )
    expect(filesIn(outputDir)).toEqual([])
  })
})
