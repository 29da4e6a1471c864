/** Clock event reasons, the bits of nvml.h. */
export const THROTTLE_REASONS = {
  gpu_idle: 0x1,
  applications_clocks: 0x2,
  /** Held at the power limit: normal under load, not a fault. */
  power_cap: 0x4,
  hw_slowdown: 0x8,
  sync_boost: 0x10,
  sw_thermal: 0x20,
  hw_thermal: 0x40,
  power_brake: 0x80,
  display_clock: 0x100,
} as const

export type ThrottleReason = keyof typeof THROTTLE_REASONS

/** Whether the reason is among these bits. */
export function hasReason(bits: number, reason: ThrottleReason): boolean {
  return (bits & THROTTLE_REASONS[reason]) !== 0
}

/** The reasons among these bits, by name. */
export function reasonsIn(bits: number): ThrottleReason[] {
  return (Object.keys(THROTTLE_REASONS) as ThrottleReason[]).filter((reason) => hasReason(bits, reason))
}
