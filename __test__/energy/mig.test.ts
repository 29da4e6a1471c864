import { describe, expect, it } from 'vitest'
import { migInstancesOf, withMigShares } from '../../dist/energy/mig.js'
import type { DeviceEnergy } from '../../dist/results/energy.js'

type Tenants = Parameters<typeof migInstancesOf>[0]['tenancy']['tenants']

const LAYOUT = {
  migSlices: 7,
  migInstances: [
    { uuid: 'MIG-a', gpuInstanceId: 1, computeInstanceId: 0, slices: 3, multiprocessors: 48 },
    { uuid: 'MIG-b', gpuInstanceId: 2, computeInstanceId: 0, slices: 2, multiprocessors: 32 },
  ],
}
const within = (gpuInstanceId: number, relation = 'own') => ({
  pid: gpuInstanceId,
  relation,
  gpuInstanceId,
  computeInstanceId: 0,
})

/** A GPU that drew 3000 J in 10 s and idles at 70 W. */
function shares(
  tenants: Tenants,
  { mostProcesses = 1 as number | null, layout = LAYOUT, total = 3000 as number | null } = {},
) {
  const tenancy = {
    tenants,
    limits: {},
    changedTo: {},
    ...(mostProcesses === null ? {} : { mostProcesses }),
  }
  const mig = migInstancesOf({ tenancy }, layout)
  const device = { uuid: 'GPU-1', total_j: total, mig } as unknown as DeviceEnergy
  const [shared] = withMigShares([device], 10, () => ({ idleW: 70, reason: null }))
  expect(shared?.total_j).toBe(total)
  return shared?.mig.map(({ modelled_j }) => modelled_j) ?? []
}

describe('the share of a MIG instance', () => {
  it('is its slices of idle, and what is above idle where it alone computed', () => {
    expect(shares([within(1)])).toEqual([300 + 2300, 200])
    expect(shares([within(2, 'foreign')])).toEqual([300, 200 + 2300])
    // Two slices are of no instance: the shares are less than the GPU.
    expect(shares([within(1)]).reduce((sum: number, share) => sum + (share ?? 0), 0)).toBe(2800)
  })

  it('is null where several computed, nobody did, or nobody can tell', () => {
    expect(shares([within(1), within(2)])).toEqual([null, null])
    expect(shares([])).toEqual([null, null])
    expect(shares([within(1)], { mostProcesses: null })).toEqual([null, null])
    expect(shares([within(1)], { total: null })).toEqual([null, null])
    const { migInstances } = LAYOUT
    expect(shares([within(1)], { layout: { migInstances } as typeof LAYOUT })).toEqual([null, null])
  })

  it('says why, and who computed', () => {
    const tenancy = { tenants: [within(2, 'foreign')], mostProcesses: 1, limits: {}, changedTo: {} }
    const [idle, busy] = migInstancesOf({ tenancy }, LAYOUT)
    expect(idle).toMatchObject({ uuid: 'MIG-a', slices: 3, slices_of_gpu: 7, processes: 0, is_own: false })
    expect(busy).toMatchObject({ processes: 1, is_own: false, modelled_j: null })
    expect(busy?.modelled_reason).toBe('the idle power of the GPU is not known; `llem run` measures it')
  })
})
