// What people type who have not read the documentation, and whether the answer gets them on.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadExperimentConfig } from '../../dist/config/load.js'
import { closest } from '../../dist/core/closest.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { shortCampaign } from '../campaign/running.js'
import { llem } from '../native/llem.js'

describe('llem run', () => {
  it.for([
    [
      ['run', 'model.gguf'],
      'model.gguf is a model, which is given with -m. Run: llem run -m model.gguf [USAGE]',
    ],
    [
      ['run', 'Qwen/Qwen2.5-0.5B'],
      'there is no file Qwen/Qwen2.5-0.5B; a model is given with -m. Run: llem run -m Qwen/Qwen2.5-0.5B [USAGE]',
    ],
    [
      ['run', '-m', 'Qwen/Qwen2.5-0.5B', '--simulate'],
      'there is no model file Qwen/Qwen2.5-0.5B. llama.cpp reads GGUF files on this machine; an id of Hugging Face needs another backend, such as -b pytorch. [MODEL_NOT_FOUND]',
    ],
    [
      ['run', '-m', 'nowhere.gguf', '--simulate'],
      'there is no model file nowhere.gguf. Give the path of a GGUF file that is on this machine. [MODEL_NOT_FOUND]',
    ],
  ] as const)('%j says what to type', async ([args, sentence]) => {
    const { code, stdout, stderr } = await llem(args, { cwd: scratchFolder() })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(`llem: ${sentence}\n`)
  })

  it('of a campaign says that it is one', () => {
    const loaded = loadExperimentConfig({ text: shortCampaign(1), path: 'c.yaml' })
    const suggestions = loaded.ok
      ? []
      : loaded.problems.map(({ message, suggestion }) => [message, suggestion])
    const isOne = 'it is a key of a campaign, which `llem campaign` runs'
    expect(suggestions).toEqual([
      ['unknown key `campaign_name`', isOne],
      ['unknown key `grid`', isOne],
      ['unknown key `execution`', isOne],
    ])
  })

  it('of a key without its separator suggests that key and no shorter one', () => {
    expect(closest('nprompts', ['prompts', 'n_prompts'])).toBe('n_prompts')
    expect(closest('n-prompts', ['prompts', 'n_prompts'])).toBe('n_prompts')
    expect(closest('prompt', ['prompts', 'n_prompts'])).toBe('prompts')
  })
})

describe('llem exec', () => {
  it('without -- after --simulate says where the command stands', async () => {
    const { code, stderr } = await llem(['exec', '--simulate', 'sleep', '1'], { cwd: scratchFolder() })
    expect(code).toBe(2)
    expect(stderr).toContain('a command stands after --, as in `llem exec --simulate -- sleep 1`')
  })

  it('with --full-rate and no folder runs nothing', async () => {
    const { code, stdout, stderr } = await llem(['exec', '--full-rate', '--simulate', '--', 'echo', 'ran'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toBe(
      'llem: --full-rate has no folder to write samples.parquet to. Name one, as in `llem exec -o results --full-rate -- COMMAND`. [USAGE]\n',
    )
  })
})

describe('a folder', () => {
  /** A folder of results with one campaign in it. */
  function campaignFolder(): { results: string; campaign: string } {
    const results = scratchFolder()
    const campaign = join(results, 'grid-0123456789')
    mkdirSync(campaign)
    writeFileSync(join(campaign, 'plan.json'), '{}')
    return { results, campaign }
  }

  it('of campaigns is answered with those that are in it', async () => {
    const { results, campaign } = campaignFolder()
    const { code, stderr } = await llem(['campaign', 'status', results])
    expect(code).toBe(2)
    expect(stderr).toBe(
      `llem: ${results} is no folder of a campaign: it has no plan.json. Give one of ${campaign}. [CAMPAIGN_MISSING]\n`,
    )
  })

  it.for(['show', 'verify'])('of a campaign is answered by llem %s with what shows it', async (command) => {
    const { campaign } = campaignFolder()
    const { code, stderr } = await llem([command, campaign])
    expect(code).toBe(2)
    expect(stderr).toContain(`it is the folder of a campaign. See \`llem campaign status ${campaign}\``)
  })

  it.for([
    ['recover', 'FOLDER_MISSING'],
    ['export', 'FOLDER_UNREADABLE'],
  ] as const)('that is not there is said to be missing by llem %s', async ([command, code]) => {
    const { stderr } = await llem([command, '/nowhere/at-all'])
    expect(stderr).toMatch(
      new RegExp(`^llem: There is no folder /nowhere/at-all\\. Give .* \\[${code}\\]\\n$`),
    )
  })
})

describe('llem export', () => {
  it('of a mistyped folder does not replace the table of last time by an empty one', async () => {
    const table = join(scratchFolder(), 'all.csv')
    writeFileSync(table, 'of last time')
    const { code, stdout } = await llem(['export', '/nowhere/at-all', '-o', table])
    expect({ code, stdout, table: readFileSync(table, 'utf8') }).toEqual({
      code: 2,
      stdout: '',
      table: 'of last time',
    })
  })

  it.for(['xlsx', 'json'])('into a file that ends with .%s writes no CSV of that name', async (ending) => {
    const { code, stderr } = await llem(['export', scratchFolder(), '-o', `all.${ending}`])
    expect(code).toBe(2)
    expect(stderr).toBe(
      `llem: llem does not write .${ending}, only csv, jsonl, parquet, prom. Give the file another ending, or say which of them it shall be with --format. [FORMAT_UNKNOWN]\n`,
    )
  })
})

describe('llem backend', () => {
  it('install of a mistyped name says which was meant', async () => {
    const { code, stderr } = await llem(['backend', 'install', 'llamacp'])
    expect(code).toBe(2)
    expect(stderr).toContain('there is no backend "llamacp" to install. Did you mean llamacpp? Valid names: ')
  })

  it('list ends what is wrong and what to do about it with full stops', async () => {
    const { stdout } = await llem(['backend', 'list'], { env: { XDG_DATA_HOME: scratchFolder() } })
    expect(stdout).toContain('zeus is not installed. Install it with `llem backend install zeus`.')
  })
})
