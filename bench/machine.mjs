import { cpus, loadavg, release, totalmem } from 'node:os'

/** What the numbers depend on, and how busy it was before the measurement. */
export function machine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? null,
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    load_average_before: Number(loadavg()[0].toFixed(2)),
  }
}
