/** The GPUs that CUDA_VISIBLE_DEVICES leaves a process, where it names them by full UUIDs; else null. */
export function visibleUuids(visibleDevices: string | undefined): string[] | null {
  const entries = visibleDevices?.split(',').map((entry) => entry.trim()) ?? []
  const whole = /^(GPU|MIG)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
  return entries.length > 0 && entries.every((entry) => whole.test(entry)) ? entries : null
}
