import { digits, table } from '../table.mjs'

export function samplingSection({ seconds, results, own_cost }) {
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

${table(head, rows)}
${own_cost === undefined ? '' : ownCost(own_cost)}`.trimEnd()
}

function ownCost({ gpus, interval_ms, seconds, rounds, results }) {
  const rows = results.map(({ cores_are, own_us_per_read, bare_wake_us_per_read, lateness_us_p99 }) => [
    cores_are,
    digits(own_us_per_read),
    digits(bare_wake_us_per_read),
    digits(own_us_per_read - bare_wake_us_per_read),
    digits(lateness_us_p99),
  ])
  const head = ['cores', 'sampler beyond calls, us', 'waking up alone, us', 'difference, us', 'late p99, us']
  return `### Own cost

${gpus} simulated GPUs every ${interval_ms} ms: CPU time of the sampler's thread for one reading of one GPU, without the time inside
driver calls. Beside it a thread that wakes up at the same deadlines, is busy for as long as the calls are, and does
nothing else: that part is the kernel's and the machine's (a virtual one's wake costs many times a real one's), whoever
reads. Medians of ${rounds} runs of ${seconds} s, in turn. The goal is 5 us beyond the calls.

${table(head, rows)}`
}
