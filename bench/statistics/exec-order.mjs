// How often `llem exec --runs` says rightly which of two loads that are 2 % apart uses more.
//
//   node bench/statistics/exec-order.mjs [comparisons] [rounds] [at a time] [power | length]
//
// The simulated GPU draws 300 W and 306 W in turns of 2 s, its sensor has 5 W of noise, and all of it drifts by 20 W, three
// times the difference, within 100 s and back. A simulated GPU does not know which command runs, so --prepare waits for the
// turn that the command is to have, unmeasured: both commands are the same `sleep 1`. A second kind has a constant 300 W
// and commands that are 2 % apart in length.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const llem = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
const [comparisons = 100, rounds = 10, atATime = 5] = process.argv.slice(2, 5).map(Number)
const only = process.argv[5]
const TURN_S = 2
const DRIFT_W_PER_S = 0.2
const DRIFT_TURNS = 50

const folder = mkdtempSync(join(tmpdir(), 'llem-exec-order-'))
const epochNs = Number(process.hrtime.bigint())

/** Turns at a lower and a higher power, on a level that goes up and down. */
function turns() {
  const segments = []
  for (let turn = 0; turn < 2 * DRIFT_TURNS; turn++) {
    const atTurn = (place) =>
      (place <= DRIFT_TURNS ? place : 2 * DRIFT_TURNS - place) * TURN_S * DRIFT_W_PER_S
    const base = turn % 2 === 0 ? 300 : 306
    const share = base / 300
    segments.push({
      for_s: TURN_S,
      from_w: share * (300 + atTurn(turn)),
      to_w: share * (300 + atTurn(turn + 1)),
    })
  }
  return segments
}

function scenario(name, segments) {
  const path = join(folder, `${name}.json`)
  const sensor = { update_period_ms: 100, window_ms: 25, noise_w: 5, seed: 7 }
  const device = { power: { segments, repeat: true }, sensor }
  writeFileSync(path, JSON.stringify({ version: 1, epoch_monotonic_ns: epochNs, devices: [device] }))
  return path
}

// Waits for a little after the beginning of the next turn of the kind: 0 is the lower one. By awk, which starts in no time;
// /proc/uptime may have counted a suspend, which CLOCK_MONOTONIC has not.
const wait = join(folder, 'wait.sh')
const bootS =
  Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) -
  Number(process.hrtime.bigint() - BigInt(epochNs)) / 1e9
writeFileSync(
  wait,
  `sleep "$(awk -v start="$1" '{
  left = (start * ${TURN_S} + 0.2 - ($1 - ${bootS})) % ${2 * TURN_S}
  print left < 0 ? left + ${2 * TURN_S} : left
}' /proc/uptime)"
`,
)

const kinds = {
  power: (seed) => [
    ...['--simulate', scenario('turns', turns()), '--seed', seed],
    ...['-L', 'turn', '0,1', '--prepare', `sh ${wait} {turn}`, '--', 'sleep 1'],
  ],
  length: (seed) => [
    ...['--simulate', scenario('constant', [{ for_s: 1, w: 300 }]), '--seed', seed],
    ...['--', 'sleep 1', 'sleep 1.02'],
  ],
}

for (const [kind, argsFor] of Object.entries(kinds)) {
  if (only !== undefined && only !== kind) continue
  const seeds = Array.from({ length: comparisons }, (_, seed) => String(seed))
  const results = []
  const overtimes = []
  const worker = async () => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [llem, 'exec', '--runs', String(rounds), '--json', '-q', ...argsFor(seed)],
        { maxBuffer: 1 << 26 },
      )
      const [a, b] = JSON.parse(stdout).results
      results.push(b.against_first)
      for (const { times, median } of [a, b]) overtimes.push(...times.map((time) => time / median - 1))
    }
  }
  await Promise.all(Array.from({ length: atATime }, worker))
  const count = (test) => results.filter(test).length
  const ratios = results.map(({ ratio }) => ratio).sort((a, b) => a - b)
  const percent = (ratio) => `${(100 * (ratio - 1)).toFixed(2)} %`
  console.log(
    `${kind} 2 % apart, ${rounds} rounds: the order is right in ${count(({ ratio }) => ratio > 1)} of ${results.length},`,
  )
  console.log(
    `  shown (95 % CI) in ${count(({ low }) => low > 1)}, shown the wrong way round in ${count(({ high }) => high < 1)}; 2 % lies within ${count(({ low, high }) => low <= 1.02 && high >= 1.02)}`,
  )
  console.log(
    `  ratio: ${percent(ratios[0])} to ${percent(ratios.at(-1))}, median ${percent(ratios[ratios.length >> 1])}`,
  )
  // On a busy machine a command takes longer than it asks for, and so does its energy.
  const late = overtimes.filter((share) => share > 0.02).length
  console.log(
    `  ${late} of ${overtimes.length} runs took 2 % longer than the median of their command, or more`,
  )
}
