// A server that runs already computes on the GPU whose list of processes shows it. The server here is this process.

import { describe, expect, it, vi } from 'vitest'
import { listOf, scriptedServer } from '../backends/scripted-server.js'
import { llem } from '../native/llem.js'
import { gpu, nowNs, scenarioFile, scratchFolder } from '../native/scenario.js'
import { resultIn } from './experiment.js'

vi.setConfig({ testTimeout: 60_000 })

async function findingsWith(listedOn: readonly number[], devices: string) {
  const { baseUrl } = await scriptedServer({ routes: { '/v1/models': listOf('A') } })
  const processes = [{ pid: process.pid, used_mib: 512 }]
  const gpus = [0, 1, 2, 3].map((position) =>
    gpu(position, [{ for_s: 600, w: 100 }], listedOn.includes(position) ? { processes } : {}),
  )
  const outputDir = scratchFolder()
  const sets = [
    ...['backend=server', `server.base_url=${baseUrl}`, `energy.devices=${devices}`, 'n_prompts=2'],
    ...['generation.max_tokens=4', 'baseline.enabled=false', 'warmup.enabled=false'],
  ].flatMap((set) => ['--set', set])
  const scenario = scenarioFile(gpus, nowNs())
  const ended = await llem(['run', '-m', 'A', '--simulate', scenario, '-o', outputDir, ...sets])
  expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 })
  return resultIn(outputDir).findings.filter(({ code }) => /server_on_other_gpu|gpus_not_used/.test(code))
}

describe('a server that is attached', () => {
  it('and computes on other GPUs than the measured one is told by its lists of processes', async () => {
    const found = await findingsWith([0, 1], '[3]')
    expect(found).toMatchObject([
      {
        code: 'server_on_other_gpu',
        severity: 'warning',
        devices: [0],
        text: `the process list of GPU 0 shows the server (pid ${process.pid}), and GPU 3 is measured: what computes is not what is measured. Name GPU 0 in energy.devices.`,
      },
      { code: 'server_on_other_gpu', devices: [1] },
    ])
  })

  it('and computes on some of the measured ones is told of the others', async () => {
    expect(await findingsWith([0], '[0, 1]')).toMatchObject([{ code: 'gpus_not_used', devices: [1] }])
  })

  it.for([
    ['computes on what is measured', [0, 1], '[0, 1]'],
    ['is on no list, as from another namespace of processes', [], '[3]'],
  ] as const)('and %s is as it should be', async ([, listed, devices]) => {
    expect(await findingsWith(listed, devices)).toEqual([])
  })
})
