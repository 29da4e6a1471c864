// llem init: what it writes is checked by llem itself.

import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { initFile, type Subject } from '../../dist/cli/init-file.js'
import { loadExperimentConfig } from '../../dist/config/load.js'
import { loadCampaign } from '../../dist/config/load-campaign.js'
import { llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { HOME } from './experiment.js'
import { hasTmux, onTerminal } from './tmux.js'

vi.setConfig({ testTimeout: 60_000 })

const SUBJECTS: Subject[] = [
  { kind: 'file', model: "models/it's: a #1 model.gguf" },
  { kind: 'server', model: 'owner/name', url: 'http://127.0.0.1:8000', engine: 'vllm' },
  { kind: 'server', model: 'x', url: 'http://127.0.0.1:8080', engine: null },
  { kind: 'hub', model: 'hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M' },
]

describe('what llem init writes', () => {
  const all = SUBJECTS.flatMap((subject) =>
    [true, false].flatMap((isCareful) =>
      [true, false].map((hasGpu) => ({ subject, isCareful, hasGpu, hasBackend: isCareful })),
    ),
  )

  it.for(all)('is an experiment without a mistake: %j', (choices) => {
    const text = initFile('e.yaml', { ...choices, isCampaign: false })
    const loaded = loadExperimentConfig({ path: 'e.yaml', text })
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    expect(loaded.config.model).toBe(choices.subject.model)
    expect(loaded.config.n_prompts).toBe(choices.isCareful ? 100 : 20)
    expect(text.includes('--simulate')).toBe(!choices.hasGpu)
    const needsInstall = choices.subject.kind !== 'server' && !choices.hasBackend
    expect(text.includes('llem backend install llamacpp')).toBe(needsInstall)
  })

  it.for(all)('is a campaign of several experiments without a mistake: %j', (choices) => {
    const text = initFile('c.yaml', { ...choices, isCampaign: true })
    const loaded = loadCampaign({ path: 'c.yaml', text })
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    expect(loaded.experiments.length).toBeGreaterThan(1)
    expect(loaded.filtered).toEqual([])
  })
})

describe('llem init without a terminal', () => {
  it('asks nothing, says what it chose, and writes what llem run takes', async () => {
    const cwd = scratchFolder()
    // Nothing of it has come yet.
    writeFileSync(join(cwd, 'near.gguf'), '')
    const env = { XDG_DATA_HOME: cwd }
    const { code, stdout, stderr } = await llem(['init'], { cwd, env })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'experiment.yaml\n' })
    expect(stderr).toMatch(/^Chose .*, one experiment, a first number in a minute or two\.$/m)
    expect(stderr).toContain(
      'Install what runs it, once: llem backend install llamacpp\nRun it: llem run experiment.yaml --simulate\n',
    )
    const again = await llem(['init', '--force'], { cwd, env: HOME })
    expect(again.stderr).not.toContain('backend install')
    expect(readFileSync(join(cwd, 'experiment.yaml'), 'utf8')).not.toContain('near.gguf')
    const checked = await llem(['run', 'experiment.yaml', '--simulate', '--dry-run', '--json'], { cwd })
    expect(checked).toMatchObject({ code: 0 })
  })

  it('writes over nothing without --force, and leaves no half file', async () => {
    const cwd = scratchFolder()
    writeFileSync(join(cwd, 'mine.yaml'), 'mine', { mode: 0o600 })
    const refused = await llem(['init', '-o', 'mine.yaml'], { cwd })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('[FILE_EXISTS]')
    expect(readFileSync(join(cwd, 'mine.yaml'), 'utf8')).toBe('mine')
    expect(await llem(['init', '-o', 'mine.yaml', '--force'], { cwd })).toMatchObject({ code: 0 })
    expect(readFileSync(join(cwd, 'mine.yaml'), 'utf8')).toContain('model: ')
    expect(statSync(join(cwd, 'mine.yaml')).mode & 0o777).toBe(0o600)
    expect(readdirSync(cwd)).toEqual(['mine.yaml'])
  })

  it('says where it cannot write', async () => {
    for (const path of ['none/there.yaml', '-', '']) {
      const { code, stderr } = await llem(['init', '-o', path], { cwd: scratchFolder() })
      expect(code).toBe(2)
      expect(stderr).toContain('[FILE_NOT_WRITTEN]')
      expect(stderr).not.toMatch(/--force|Looking for/)
    }
  })
})

describe('llem init on a terminal', () => {
  beforeEach((context) => {
    if (!hasTmux) context.skip('tmux is not installed')
  })

  it('asks, and asks again where the answer is none', async () => {
    const path = join(scratchFolder(), 'asked.yaml')
    const terminal = await onTerminal(100, ['init', '-o', path], HOME)
    await terminal.shows(/Which file\?/)
    await terminal.press('9')
    await terminal.press('Enter')
    await terminal.shows(/It is a number from 1 to 2/)
    await terminal.press('2')
    await terminal.press('Enter')
    await terminal.shows(/How sure must it be\?/)
    await terminal.press('Enter')
    expect(await terminal.ended()).toBe(0)
    expect(readFileSync(path, 'utf8')).toContain('campaign_name: ')
  })

  it('ends at Ctrl-C with nothing written', async () => {
    const path = join(scratchFolder(), 'asked.yaml')
    const terminal = await onTerminal(100, ['init', '-o', path], HOME)
    await terminal.shows(/Which file\?/)
    await terminal.press('C-c')
    expect(await terminal.ended()).toBe(130)
    expect(existsSync(path)).toBe(false)
  })
})
