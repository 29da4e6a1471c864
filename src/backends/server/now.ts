/** CLOCK_MONOTONIC in nanoseconds, as a number: see `monotonicNs` in src/workers/wire.ts. */
export function nowNs(): number {
  return Number(process.hrtime.bigint())
}
