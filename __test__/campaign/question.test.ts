// What a person at a terminal is asked before a campaign runs. `script` gives llem one.

import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import { scratchFolder } from '../backends/tiny-model.js'
import { HOME } from '../cli/experiment.js'
import { shortCampaign } from './running.js'

vi.setConfig({ testTimeout: 60_000 })

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))

/** Answers "Run it?" by these keys. */
async function answeredBy(keys: string): Promise<{ code: number | null; shown: string; hasRun: boolean }> {
  const folder = scratchFolder()
  const path = join(folder, 'campaign.yaml')
  writeFileSync(path, `${shortCampaign(1)}io: { results_dir: ${folder}/results }\n`)
  const command = [process.execPath, BIN, 'campaign', path, '--simulate'].map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    stdio: 'pipe',
    env: { ...process.env, ...HOME, TERM: 'xterm' },
  })
  let shown = ''
  let isAnswered = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text
    if (isAnswered || !shown.includes('Run it? [Y/n]')) return
    isAnswered = true
    child.stdin.write(keys)
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { code, shown, hasRun: shown.includes('Campaign folder:') || existsSync(join(folder, 'lock')) }
}

it.for([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
  ['n', 'n\r'],
  ['what is no answer', 'quit\r'],
] as const)('%s at the question runs nothing and ends with 130', async ([, keys]) => {
  const { code, shown, hasRun } = await answeredBy(keys)
  expect(shown).toMatch(
    /\r\nllem: The campaign was not run\. Its plan is in \S+plan\.json\. \[INTERRUPTED\]\r\n$/,
  )
  expect({ code, hasRun }).toEqual({ code: 130, hasRun: false })
})

it('Enter at the question runs it', async () => {
  const { code, shown } = await answeredBy('\r')
  expect(shown).toContain('Campaign short: completed: 1 completed')
  expect(code).toBe(0)
})
