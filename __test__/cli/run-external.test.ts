// `llem run` of a server that answers from here, beside a simulated GPU and a meter of the node.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { listOf, scriptedServer } from '../backends/scripted-server.js'
import { llem } from '../native/llem.js'
import { gpu, nowNs, scenarioFile, scratchFolder } from '../native/scenario.js'
import { resultIn } from './experiment.js'

vi.setConfig({ testTimeout: 60_000 })

const PLUGIN = fileURLToPath(new URL('../energy/external-plugin.mjs', import.meta.url))

async function run(how: readonly string[], ...more: string[]) {
  const { baseUrl } = await scriptedServer({ routes: { '/v1/models': listOf('A') } })
  const outputDir = scratchFolder()
  const external = { command: [process.execPath, PLUGIN, ...how], name: 'bmc' }
  const sets = [
    ...['backend=server', `server.base_url=${baseUrl}`, 'n_prompts=400', 'generation.max_tokens=4'],
    ...[
      'baseline.enabled=false',
      'warmup.enabled=false',
      `energy.external=${JSON.stringify(external)}`,
      ...more,
    ],
  ].flatMap((set) => ['--set', set])
  const scenario = scenarioFile([gpu(0, [{ for_s: 600, w: 100 }])], nowNs())
  const ended = await llem(['run', '-m', 'A', '--simulate', scenario, '-o', outputDir, ...sets])
  return { ...ended, outputDir, folder: join(outputDir, readdirSync(outputDir)[0] ?? '') }
}

describe('llem run with a meter of the node', () => {
  it('has its joules in the result and on the screen, and verify recomputes them', async () => {
    const { code, stdout, stderr, folder, outputDir } = await run(['sine', '10'])
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const { energy, effective_config } = resultIn(outputDir)
    const [node] = energy?.external ?? []
    expect(node).toMatchObject({
      name: 'bmc',
      scope: 'node',
      reason: null,
      readings_path: 'external-bmc.jsonl',
    })
    expect(node?.mean_power_w ?? 0).toBeGreaterThan(290)
    expect(node?.mean_power_w ?? 0).toBeLessThan(710)
    // It is part of no other number.
    expect(energy?.total_j ?? 0).toBeLessThan((node?.energy_j ?? 0) / 2)
    expect(stdout).toMatch(/\n {2}Node +[\d.]+ J \+- [\d.]+ J \(k=2\) by bmc, whose own accuracy is unknown/)
    expect(JSON.stringify(effective_config)).toContain('"external":{"command":[')
    expect(readFileSync(join(folder, 'external-bmc.jsonl'), 'utf8').split('\n').length).toBeGreaterThan(5)
    const verified = await llem(['verify', folder])
    expect(verified.stdout).toMatch(/^energy\.external\[0\]\.energy_j /m)
    expect(verified.code).toBe(0)
  })

  it('goes on where the meter ends, and says so at once', async () => {
    const { code, stderr, outputDir } = await run(['dies-at-once'])
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stderr).toContain('The external meter bmc says nothing (non-fatal): it exited with code 4')
    const { energy, findings } = resultIn(outputDir)
    expect(energy?.external).toMatchObject([
      { energy_j: null, reason: expect.stringContaining('no such outlet') },
    ])
    expect(findings.map(({ code }) => code)).toContain('external_meter_silent')
  })

  it('does not read it where no energy is accounted for', async () => {
    const { code, stderr, outputDir } = await run(['sine'], 'energy.backend=null')
    expect(code).toBe(0)
    expect(stderr).toContain('energy.external is not read (non-fatal)')
    expect(resultIn(outputDir).energy).toBeNull()
  })
})
