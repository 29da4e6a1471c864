// Files of a submission that somebody or a full disk has cut short.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCampaignFolder } from '../../dist/campaign/folder.js'
import { planOf } from '../../dist/campaign/plan.js'
import { loadCampaign } from '../../dist/config/load-campaign.js'
import { readTaskFile, submissionsIn } from '../../dist/slurm/folder.js'
import { scratchFolder } from '../backends/tiny-model.js'

async function campaign() {
  const loaded = loadCampaign({
    path: 'x.yaml',
    text: 'campaign_name: x\nmodel: x.gguf\ngrid: { shared: { generation.max_tokens: [1, 2] } }\n',
  })
  if (!loaded.ok) throw new Error('the campaign has problems')
  const plan = planOf(loaded)
  const dir = await openCampaignFolder(join(scratchFolder(), 'results'), plan)
  const folder = join(dir, 'slurm', 'submission-1')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'submission.json'), '{"state": "submitt')
  return { dir, folder, plan }
}

describe('a submission.json that is damaged', () => {
  it('is told by its other files, so that its jobs can be seen and cancelled by their names', async () => {
    const { dir, folder, plan } = await campaign()
    for (const number of [1, 2]) writeFileSync(join(folder, `chunk-${number}.json`), '{}')
    expect(submissionsIn(dir)).toEqual([
      {
        folder,
        state: 'submitted',
        job_name: `llem-${plan.campaign_hash.slice(0, 10)}-1`,
        has_accounting: false,
        chunks: [1, 2].map((number) => ({ number, job_id: null, cluster: null })),
      },
    ])
  })

  it('is an error where there are none', async () => {
    const { dir } = await campaign()
    expect(() => submissionsIn(dir)).toThrow(/submission\.json cannot be read/)
  })
})

it('a damaged chunk names its file', async () => {
  const { folder } = await campaign()
  const path = join(folder, 'chunk-1.json')
  writeFileSync(path, 'null')
  expect(() => readTaskFile(path)).toThrow(`${path} cannot be read`)
})
