// What each instance of a GPU that is cut into some (MIG) may have drawn, by a model: nothing measures it. The model, where it
// comes from and what it cannot know stand in docs/decisions/mig.md.

import type { Device, DeviceReport } from '../native/addon.js'
import type { DeviceEnergy, MigInstance } from '../results/energy.js'

/** Idle power of a GPU before the load, in watts, or why it is not known. */
export type IdleOf = (uuid: string) => { idleW: number; reason: null } | { idleW: null; reason: string }

/** How a GPU is cut, as far as its driver tells. */
export type MigLayout = { [Key in 'migInstances' | 'migSlices']?: Device[Key] | undefined }

const NO_IDLE = 'the idle power of the GPU is not known; `llem run` measures it'

/** The instances of a GPU and who computed in them, before there is an idle power to share. */
export function migInstancesOf(
  { tenancy }: Pick<DeviceReport, 'tenancy'>,
  { migInstances = [], migSlices }: MigLayout,
): MigInstance[] {
  return migInstances.map((instance) => {
    const { uuid, gpuInstanceId, computeInstanceId, slices, multiprocessors } = instance
    const tenants = tenancy.tenants.filter(
      (each) =>
        gpuInstanceId !== undefined &&
        each.gpuInstanceId === gpuInstanceId &&
        each.computeInstanceId === computeInstanceId,
    )
    const isListed = tenancy.mostProcesses !== undefined && gpuInstanceId !== undefined
    return {
      uuid,
      gpu_instance_id: gpuInstanceId ?? null,
      compute_instance_id: computeInstanceId ?? null,
      slices: slices ?? null,
      slices_of_gpu: migSlices ?? null,
      multiprocessors: multiprocessors ?? null,
      processes: isListed ? tenants.length : null,
      is_own: isListed ? tenants.some(({ relation }) => relation === 'own') : null,
      modelled_j: null,
      modelled_reason: NO_IDLE,
    }
  })
}

/** The same GPUs with the share of each instance by the model. Their own joules stay what they are. */
export function withMigShares<Measured extends DeviceEnergy>(
  devices: readonly Measured[],
  seconds: number,
  idleOf: IdleOf,
): Measured[] {
  return devices.map((device) => ({
    ...device,
    mig: device.mig.map((instance) => ({ ...instance, ...shareOf(device, instance, seconds, idleOf) })),
  }))
}

function shareOf(
  { uuid, total_j, mig }: DeviceEnergy,
  { slices, slices_of_gpu, processes }: MigInstance,
  seconds: number,
  idleOf: IdleOf,
): Pick<MigInstance, 'modelled_j' | 'modelled_reason'> {
  const unknown = (modelled_reason: string) => ({ modelled_j: null, modelled_reason })
  const { idleW, reason } = idleOf(uuid)
  if (total_j === null) return unknown('the joules of the GPU are not known')
  if (idleW === null) return unknown(reason)
  if (slices === null || slices_of_gpu === null)
    return unknown('the driver does not tell how many slices of the GPU it has')
  if (mig.some((each) => each.processes === null))
    return unknown('the driver does not list who computes in the instances, which may take root')
  const busy = mig.filter((each) => (each.processes ?? 0) > 0).length
  if (busy === 0)
    return unknown('nobody was seen to compute in any instance, so nobody is known to have drawn it')
  const share = `${slices} of ${slices_of_gpu} slices of the idle power`
  const idleJ = (idleW * seconds * slices) / slices_of_gpu
  if (processes === 0) return { modelled_j: idleJ, modelled_reason: `model: ${share}` }
  if (busy > 1)
    return unknown(`${busy} instances computed, and how much each of them did the driver does not tell`)
  return {
    modelled_j: idleJ + (total_j - idleW * seconds),
    modelled_reason: `model: ${share}, and all above it, for nobody was seen in another instance`,
  }
}
