import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { chooseDevices } from '../../dist/energy/devices.js'
import { gpusGiven, gpusOfJob, notNamedByJob } from '../../dist/energy/slurm-gpus.js'
import type { Device } from '../../dist/native/addon.js'
import { endsWithin } from '../backends/processes.js'
import { type ExecResult, llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'

function gpus(count: number, rest: Partial<Device> = {}): Device[] {
  return Array.from({ length: count }, (_, index) => ({
    index,
    uuid: `GPU-${index}`,
    name: 'NVIDIA H100',
    ...rest,
  })) as Device[]
}

/** The UUIDs that are measured, and what is said of it. */
function chosen(present: readonly Device[], env: Record<string, string>) {
  const { devices, notes } = chooseDevices(present, {
    explicit: null,
    cudaVisibleDevices: env.CUDA_VISIBLE_DEVICES,
    cudaDeviceOrder: 'PCI_BUS_ID',
    slurm: gpusOfJob(env),
  })
  return { uuids: devices.map(({ uuid }) => uuid), notes }
}

const JOB = { SLURM_JOB_ID: '17' }

describe('the GPUs that Slurm gave', () => {
  it('are read from its variables, within a job alone', () => {
    expect(gpusOfJob({ SLURM_JOB_GPUS: '0,1' })).toBeNull()
    expect(gpusOfJob({ ...JOB, SLURM_JOB_GPUS: '2,3' })).toEqual({ variable: 'SLURM_JOB_GPUS', ids: [2, 3] })
    expect(gpusOfJob({ ...JOB, SLURM_STEP_GPUS: '4-6' })?.ids).toEqual([4, 5, 6])
    expect(gpusOfJob({ ...JOB, GPU_DEVICE_ORDINAL: '1' })?.variable).toBe('GPU_DEVICE_ORDINAL')
    // The whole job before the step, and nothing that is no number.
    expect(gpusOfJob({ ...JOB, SLURM_STEP_GPUS: '1', SLURM_JOB_GPUS: '0,1' })?.ids).toEqual([0, 1])
    expect(gpusOfJob({ ...JOB, SLURM_JOB_GPUS: 'gpu:2', SLURM_STEP_GPUS: '1' })?.ids).toEqual([1])
    expect(gpusGiven({ ...JOB, SLURM_GPUS_ON_NODE: '4', SLURM_STEP_GPUS: '1' })).toBe(4)
    expect(gpusGiven({ ...JOB, SLURM_STEP_GPUS: '1,2' })).toBe(2)
    expect(gpusGiven({ SLURM_GPUS_ON_NODE: '4' })).toBeNull()
  })

  it('are those of their numbers where the driver shows the whole node', () => {
    expect(chosen(gpus(4), { ...JOB, SLURM_JOB_GPUS: '2,3' }).uuids).toEqual(['GPU-2', 'GPU-3'])
    expect(chosen(gpus(4), { ...JOB, CUDA_VISIBLE_DEVICES: '1' }).uuids).toEqual(['GPU-1'])
  })

  it('are all that are to be seen where a control group leaves as many', () => {
    // SLURM_JOB_GPUS is of the node, also where devices are constrained.
    expect(chosen(gpus(2), { ...JOB, SLURM_JOB_GPUS: '2,3' }).uuids).toEqual(['GPU-0', 'GPU-1'])
    expect(chosen(gpus(1), { ...JOB, SLURM_STEP_GPUS: '7' }).uuids).toEqual(['GPU-0'])
    // CUDA_VISIBLE_DEVICES is of the group there; where it is of the node all the same, CUDA would see none.
    expect(chosen(gpus(2), { ...JOB, CUDA_VISIBLE_DEVICES: '0,1' }).uuids).toEqual(['GPU-0', 'GPU-1'])
    const ofNode = chosen(gpus(2), { ...JOB, CUDA_VISIBLE_DEVICES: '2,3', SLURM_JOB_GPUS: '2,3' })
    expect(ofNode.uuids).toEqual(['GPU-0', 'GPU-1'])
    expect(ofNode.notes.join()).toMatch(/of which only the job's are to be seen here/)
    expect(chosen(gpus(2), { CUDA_VISIBLE_DEVICES: '2,3' }).uuids).toEqual([])
  })

  it('are told of where Slurm names none, or nothing that is a list', async () => {
    for (const list of ['abc', '1 0', '1-0', '0-99999999']) {
      const finding = notNamedByJob({ ...JOB, SLURM_JOB_GPUS: list }, 2)
      expect(finding?.text).toMatch(`SLURM_JOB_GPUS=${list} cannot be read`)
    }
    expect(notNamedByJob({ ...JOB, SLURM_JOB_GPUS: '0,1' }, 2)).toBeNull()
    expect(notNamedByJob({ ...JOB, SLURM_GPUS_ON_NODE: '2' }, 2)).toBeNull()
    expect(notNamedByJob({}, 2)).toBeNull()
    const findingsOf = async (args: readonly string[]) => {
      const env = { ...JOB, SLURM_JOB_GPUS: '' }
      const { stdout } = await llem(['exec', '--simulate', '--json', ...args, '--', 'true'], { env })
      return (JSON.parse(stdout) as ExecResult).findings
    }
    expect(await findingsOf([])).toContainEqual(
      expect.objectContaining({
        code: 'slurm_gpus_not_named',
        severity: 'warning',
        text: expect.stringMatching(/^Slurm names no GPU of this job: all \d+ .* other jobs\.$/),
      }),
    )
    expect((await findingsOf(['--devices', '0'])).map(({ code }) => code)).not.toContain(
      'slurm_gpus_not_named',
    )
  })

  it('are told of where the driver shows fewer', () => {
    const { uuids, notes } = chosen(gpus(1), { ...JOB, SLURM_JOB_GPUS: '0,1,2,3' })
    expect(uuids).toEqual(['GPU-0'])
    expect(notes).toEqual(['SLURM_JOB_GPUS=0,1,2,3 names 4 GPUs, of which the driver shows 1'])
  })

  it('are all where a GPU is cut into instances, of which Slurm counts each', () => {
    const { uuids, notes } = chosen(gpus(2, { migMode: true }), { ...JOB, SLURM_JOB_GPUS: '9' })
    expect(uuids).toEqual(['GPU-0', 'GPU-1'])
    expect(notes.join()).toMatch(/counts MIG instances/)
    const named = chosen(gpus(2, { migMode: true, migUuids: ['MIG-a'] }), {
      ...JOB,
      CUDA_VISIBLE_DEVICES: 'MIG-GPU-1/7/0',
    })
    expect(named.uuids).toEqual(['GPU-1'])
  })
})

describe('a controller of Slurm that hangs', () => {
  it('costs seconds and no joule, and is not left running', async () => {
    const bin = scratchFolder()
    for (const name of ['squeue', 'sstat']) {
      writeFileSync(
        join(bin, name),
        '#!/bin/sh\ntrap "" TERM\necho $$ >> "$0.pid"\nsleep 300 & wait\nsleep 300\n',
      )
      chmodSync(join(bin, name), 0o755)
    }
    const env = { ...JOB, SLURM_JOB_GPUS: '0', SLURMD_NODENAME: 'n1', PATH: `${bin}:${process.env.PATH}` }
    const { code, stdout, stderr, tookMs } = await llem(
      ['exec', '--simulate', '--json', '--', 'sleep', '0.3'],
      { env },
    )
    expect(code, stderr).toBe(0)
    const { energy } = JSON.parse(stdout) as ExecResult
    expect(energy.total_j).toBeGreaterThan(0)
    expect(energy.untrusted[0]?.reason).toMatch(/no answer within 3 s/)
    expect(tookMs).toBeLessThan(25_000)
    const pid = Number(readFileSync(join(bin, 'squeue.pid'), 'utf8'))
    expect(await endsWithin(pid, 5000)).toBe(true)
  }, 40_000)
})
