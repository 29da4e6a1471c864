// A command that computes on a GPU which is not measured. Its process is known by being llem's own: the shell that
// writes the scenario becomes llem, so that its id is known before.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import { startProcess } from '../native/llem.js'
import { gpu, nowNs, scratchFolder } from '../native/scenario.js'

vi.setConfig({ testTimeout: 30_000 })

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
const SLOW = { name: 'NVIDIA GeForce GT 1030', architecture: 'turing' }
const FAST = { name: 'NVIDIA GeForce RTX 4090', architecture: 'ada' }

/** `llem exec --json` where the process of llem is listed on one of two GPUs, the slow one first. */
async function execOn(listedOn: number, visible: string | undefined) {
  const folder = scratchFolder()
  const [draft, scenario] = [join(folder, 'draft.json'), join(folder, 'scenario.json')]
  const processes = [{ pid: 424242424, used_mib: 512 }]
  const devices = [SLOW, FAST].map((rest, position) =>
    gpu(position, [{ for_s: 60, w: position === 0 ? 15 : 400 }], {
      ...rest,
      ...(position === listedOn ? { processes } : {}),
    }),
  )
  writeFileSync(draft, JSON.stringify({ version: 1, epoch_monotonic_ns: nowNs(), devices }))
  const script = `sed "s/424242424/$$/" ${draft} > ${scenario} && exec ${process.execPath} ${BIN} exec --json --simulate ${scenario} -- sleep 2`
  const env = visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible }
  const { code, stdout, stderr } = await startProcess('sh', ['-c', script], { env }).ended
  expect({ code, stderr }).toMatchObject({ code: 0 })
  return JSON.parse(stdout)
}

it('is told, where CUDA counts the GPUs in another order than the driver', async () => {
  const { energy, findings } = await execOn(1, '0')
  expect(energy.devices.map(({ index }: { index: number }) => index)).toEqual([0])
  expect(findings).toContainEqual({
    code: 'computes_elsewhere',
    severity: 'warning',
    text: expect.stringMatching(
      /^node \(pid \d+\) of what was measured computes on GPU 1, and GPU 0 was measured: its energy is not in these numbers\. Measure GPU 1 too \(--devices/,
    ),
    devices: [1],
    count: 1,
  })
})

it.for([
  ['on the one that is measured', 0, '0'],
  ['on one of all, which are measured', 1, undefined],
] as const)('%s is as it should be', async ([, on, visible]) => {
  const { findings } = await execOn(on, visible)
  expect(findings.map(({ code }: { code: string }) => code)).not.toContain('computes_elsewhere')
})
