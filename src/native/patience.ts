/** How long a driver may take to start and to list its GPUs: without persistence mode it starts each GPU anew. */
const USUAL_MS = 30_000

/** The same, as LLEM_DRIVER_PATIENCE_S says where it is a number of seconds above 0. */
export function driverPatienceMs(usualMs: number = USUAL_MS): number {
  const told = Number(process.env.LLEM_DRIVER_PATIENCE_S || Number.NaN)
  // As many milliseconds as fit into 32 bits.
  return told > 0 ? Math.round(Math.min(told, 4_000_000) * 1000) : usualMs
}
