// A campaign on Slurm whose runs are all completed, without waiting for them: each has a copy of one real result.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readPlan } from '../../dist/campaign/folder.js'
import { campaignOf, shortCampaign } from '../campaign/running.js'

/** Writes what tasks leave in the folders of their runs, of a campaign that was submitted. */
export async function completeAll(dir: string): Promise<void> {
  const one = campaignOf(shortCampaign(1))
  const ended = await one.run('-q')
  if (ended.code !== 0) throw new Error(ended.stderr)
  const [name = ''] = readdirSync(join(one.dir(), 'runs'))
  const example = join(one.dir(), 'runs', name, 'cycle-1')
  const record = JSON.parse(readFileSync(join(example, 'run.json'), 'utf8'))
  const attempt = record.result_path.split('/').at(-2)
  for (const [index, experiment] of readPlan(dir).experiments.entries()) {
    const folder = join(dir, 'runs', experiment.name, 'cycle-1')
    mkdirSync(join(folder, attempt), { recursive: true })
    copyFileSync(join(example, attempt, 'result.json'), join(folder, attempt, 'result.json'))
    const node = `node0${(index % 2) + 1}`
    const place = { node, job_id: `${index}`, array_job_id: '1', array_task_id: index, restarts: 0 }
    const claim = { ...place, host: 'x', pid: 1, begun_at: record.started_at }
    writeFileSync(join(folder, 'claim-1.json'), JSON.stringify(claim))
    writeFileSync(join(folder, 'heard'), '')
    const result_path = `runs/${experiment.name}/cycle-1/${attempt}/result.json`
    writeFileSync(join(folder, 'run.json'), JSON.stringify({ ...record, result_path, place }))
  }
}
