// What a campaign makes of its own folder after somebody or something has damaged it.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { campaignFolder, openCampaignFolder, readPlan } from '../../dist/campaign/folder.js'
import type { CampaignPlan } from '../../dist/campaign/plan.js'
import { RunRecords } from '../../dist/campaign/records.js'
import { runCampaign } from '../../dist/campaign/run.js'
import { learnSecret } from '../../dist/core/secrets.js'
import type { Executor } from '../../dist/executors/executor.js'
import { silentObserver } from '../../dist/progress/observer.js'
import { scratchFolder } from '../native/scenario.js'
import { PLAIN, UNTOLD } from './plain.js'
import { planned } from './written.js'

vi.setConfig({ testTimeout: 60_000 })

const CYCLES = 3
const TEXT = `campaign_name: x\nmodel: m.gguf\nexperiments: [{}]\nexecution: { cycles: ${CYCLES}, config_gap_seconds: 0, cycle_gap_seconds: 0 }`
const SUMMARY = {
  experiment_id: 'x',
  config_hash: 'x',
  energy_j: 1,
  energy_problem: null,
  energy_reason: null,
  energy_per_output_token_j: 1,
  tokens_per_second: 1,
  output_tokens: 1,
  inference_s: 1,
  e2e_p50_ms: 1,
  warnings: 0,
  load_s: null,
  load_energy_j: null,
  disk_bytes: 1,
}

let plan: CampaignPlan
let results: string
let dir: string
let ran: string[]

/** Writes a result for each experiment, and no more. */
const executor: Executor = {
  name: 'instant',
  run: async ({ output_dir }) => {
    ran.push(output_dir)
    const attempt = join(output_dir, `attempt-${readdirSync(output_dir).length}`)
    mkdirSync(attempt)
    const result_path = join(attempt, 'result.json')
    writeFileSync(result_path, JSON.stringify({ schema_version: '1', of: output_dir }))
    return { ...UNTOLD, ...SUMMARY, result_path }
  },
  close: async () => undefined,
  responds: async () => null,
  restart: async () => undefined,
}

/** Runs what is left; what it said, and how many runs it did. */
async function again() {
  ran = []
  const notes: string[] = []
  const observer = { ...silentObserver, note: (text: string) => notes.push(text) }
  const manifest = await runCampaign(plan, { dir, executor, ...PLAIN, observer, signal: undefined })
  expect(manifest.counts.completed).toBe(CYCLES)
  return { count: ran.length, said: notes.join('\n') }
}

const cycle = (number: number) => join(dir, 'runs', plan.experiments[0]?.name ?? '', `cycle-${number}`)
const recordOf = (number: number) => JSON.parse(readFileSync(join(cycle(number), 'run.json'), 'utf8'))
const resultOf = (number: number) => join(dir, recordOf(number).result_path)

beforeEach(async () => {
  plan = planned(TEXT)
  results = scratchFolder()
  dir = await openCampaignFolder(results, plan)
  expect(await again()).toMatchObject({ count: CYCLES })
  expect(await again()).toMatchObject({ count: 0 })
})

describe('a result that is not what was written', () => {
  it.for([
    ['of no bytes', (path: string) => truncateSync(path, 0), 'is empty'],
    ['that was cut', (path: string) => truncateSync(path, 10), 'is not what was written'],
    [
      'of another run',
      (path: string) => writeFileSync(path, '{"schema_version":"1","of":"elsewhere"}'),
      'is not what was written',
    ],
    [
      'that is a folder',
      (path: string) => {
        rmSync(path)
        mkdirSync(path)
      },
      'is a folder',
    ],
  ] as const)('%s is set aside, told, and run again once', async ([, damage, why]) => {
    const path = resultOf(2)
    damage(path)
    const { count, said } = await again()
    expect(count).toBe(1)
    expect(ran).toEqual([cycle(2)])
    expect(said).toContain(`${path} ${why}`)
    expect(said).toContain(`it is now ${path}.damaged-1; its experiment is run again`)
    expect(existsSync(`${path}.damaged-1`)).toBe(true)
    expect((await again()).said).toBe(`Resuming: 0 remaining (${CYCLES} completed, 0 failed)`)
  })

  it('that is gone is told and run again', async () => {
    rmSync(dirname(resultOf(1)), { recursive: true })
    const { count, said } = await again()
    expect({ count, ran }).toEqual({ count: 1, ran: [cycle(1)] })
    expect(said).toContain('is gone; its experiment is run again')
  })

  it('counts for nobody: a record that names the result of another run is not believed', async () => {
    const path = join(cycle(1), 'run.json')
    writeFileSync(path, JSON.stringify({ ...recordOf(1), result_path: recordOf(2).result_path }))
    const { count, said } = await again()
    expect(count).toBe(1)
    expect(said).toContain('is of another run')
    expect(existsSync(resultOf(2))).toBe(true)
  })

  it('is left where it is while somebody runs the campaign', () => {
    truncateSync(resultOf(2), 0)
    const { problems } = new RunRecords(dir, plan, { isLive: true })
    expect(problems).toEqual([expect.stringContaining('is empty; it does not count')])
    expect(existsSync(resultOf(2))).toBe(true)
  })
})

describe('a plan.json', () => {
  const path = () => join(dir, 'plan.json')
  const open = async () => {
    const notes: string[] = []
    expect(await openCampaignFolder(results, plan, { note: (text) => notes.push(text) })).toBe(dir)
    return notes
  }

  it('that nobody touched is read and kept', async () => {
    const before = readFileSync(path(), 'utf8')
    expect(await open()).toEqual([])
    expect(readFileSync(path(), 'utf8')).toBe(before)
    expect(readPlan(dir).campaign_hash).toBe(plan.campaign_hash)
  })

  it('that was edited is refused by whoever only reads it, and set aside by its campaign', async () => {
    const edited = readFileSync(path(), 'utf8').replace('"model": "m.gguf"', '"model": "other.gguf"')
    writeFileSync(path(), edited)
    expect(() => readPlan(dir)).toThrow('was changed since it was written')
    expect(await open()).toEqual([
      expect.stringMatching(/plan\.json was changed .* it is now .*plan\.json\.damaged-1/),
    ])
    expect(readPlan(dir).shared).toMatchObject({ model: 'm.gguf' })
    expect(readFileSync(`${path()}.damaged-1`, 'utf8')).toBe(edited)
    expect(await again()).toMatchObject({ count: 0 })
  })

  it('of another campaign is refused, and stays', async () => {
    const other = planned(TEXT.replace('m.gguf', 'n.gguf'))
    const foreign = readFileSync(join(await openCampaignFolder(scratchFolder(), other), 'plan.json'))
    writeFileSync(path(), foreign)
    await expect(open()).rejects.toMatchObject({ code: 'CAMPAIGN_FOREIGN', kind: 'usage' })
    expect(readFileSync(path())).toEqual(foreign)
  })

  it('of a campaign with a secret has none, and its digest is of what was written', async () => {
    learnSecret('known-by-heart-1')
    const secret = planned(TEXT.replace('m.gguf', 'known-by-heart-1.gguf'))
    const folder = await openCampaignFolder(results, secret)
    expect(readFileSync(join(folder, 'plan.json'), 'utf8')).not.toContain('known-by-heart')
    expect(readPlan(folder).campaign_hash).toBe(secret.campaign_hash)
    const notes: string[] = []
    expect(await openCampaignFolder(results, secret, { note: (text) => notes.push(text) })).toBe(folder)
    expect(notes).toEqual([])
  })

  it('that cannot be parsed is set aside and written anew', async () => {
    truncateSync(path(), 20)
    expect(await open()).toEqual([expect.stringContaining('cannot be read')])
    expect(readPlan(dir).campaign_hash).toBe(plan.campaign_hash)
  })
})

describe('leftovers of killed runs', () => {
  it('are removed by the next one, and recordings that can be recovered are not', async () => {
    const attempt = dirname(resultOf(1))
    const left = [dir, cycle(1), attempt].map((folder) => join(folder, 'run.json.0a1b2c3d.partial'))
    const kept = join(attempt, 'samples.parquet.partial')
    for (const path of [...left, kept]) writeFileSync(path, '')
    await again()
    expect(left.filter(existsSync)).toEqual([])
    expect(existsSync(kept)).toBe(true)
  })
})

describe('a folder for results', () => {
  it('that is a link to nowhere is told as one', async () => {
    const link = join(scratchFolder(), 'results')
    symlinkSync('/nowhere/at/all', link)
    await expect(openCampaignFolder(link, plan)).rejects.toMatchObject({
      code: 'OUTPUT_NOT_WRITABLE',
      message: expect.stringContaining('is a link to /nowhere/at/all, which is not there'),
    })
    expect(campaignFolder(results, plan)).toBe(dir)
  })
})

describe('a folder where a file should be', () => {
  it.each([
    ['pause.json', 'PAUSE_NOT_WRITTEN'],
    ['manifest.json', 'RESULT_NOT_WRITTEN'],
  ])('%s is told as one, and to be moved away', async (name, code) => {
    rmSync(join(dir, name), { force: true })
    mkdirSync(join(dir, name, 'of-a-person'), { recursive: true })
    await expect(again()).rejects.toMatchObject({
      ...{ code, message: expect.stringContaining(`${name} could not be written: EISDIR`) },
      hint: 'A folder is where a file should be; move it away.',
    })
    expect(existsSync(join(dir, name, 'of-a-person'))).toBe(true)
  })
})
