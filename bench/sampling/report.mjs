import { digits, table } from '../table.mjs'

export function samplingSection({ seconds, results }) {
  const rows = results.map((result) => [
    result.tool,
    result.cores_are,
    `${result.interval_ms} ms`,
    digits(result.achieved_hz),
    digits(result.lateness_us_p50),
    digits(result.lateness_us_p99),
    digits(result.cpu_us_per_reading),
  ])
  const head = ['tool', 'cores', 'interval', 'readings/s', 'late p50, us', 'late p99, us', 'CPU/reading, us']
  return `One simulated GPU, ${seconds} s each; "busy" has a process on every core that never sleeps. A reading of llem is late
against its deadline on a fixed grid, as llem itself reports it; one of a loop against the moment that the loop asked
to be woken, so that what a loop loses by drifting shows in its rate. The CPU time is that of the whole process: 20 us
of each reading is the simulated driver call, which setInterval does not make; llem's has the energy counter and the
slow signals in it too.

${table(head, rows)}`.trimEnd()
}
