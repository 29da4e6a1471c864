#!/usr/bin/env node
// Draws docs/picture.svg: what a power sensor shows of a load, what the load really draws, and what llem makes of it. All of it is
// measured anew over a simulated GPU whose truth is a formula:  node scripts/picture.mjs
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

const root = new URL('..', import.meta.url).pathname
const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [860, 300, 50, 46, 262]
const [FROM_S, TO_S, MOST_W] = [-0.2, 1.3, 750]

const decode = (forS, periodS) => ({
  for_s: forS,
  square: { high_w: 480, low_w: 330, period_s: periodS, duty: 0.5 },
})
const prefill = { for_s: 0.15, w: 690 }
const rounds = Array.from({ length: 6 }, (_, k) => [
  prefill,
  decode(0.42 + 0.07 * k, 0.06),
  prefill,
  decode(0.31, 0.041),
])
const segments = [{ for_s: 2, w: 75 }, ...rounds.flat(), { for_s: 30, w: 75 }]

const folder = mkdtempSync(join(tmpdir(), 'llem-picture-'))
try {
  const epochNs = process.hrtime.bigint()
  const scenario = join(folder, 'scenario.json')
  const device = { power: { segments }, power_limit_w: 700, sensor: { update_period_ms: 100, window_ms: 25 } }
  writeFileSync(
    scenario,
    JSON.stringify({ version: 2, epoch_monotonic_ns: Number(epochNs), devices: [device] }),
  )
  // The window opens shortly before the load, at 2 s.
  execFileSync('sleep', ['1'])
  const said = execFileSync(
    process.execPath,
    [join(root, 'bin/llem.js'), 'exec', '--simulate', scenario, '-o', folder, '--json', '--', 'sleep', '6.5'],
    { encoding: 'utf8' },
  )
  const { energy, result_dir: resultDir } = JSON.parse(said)
  const file = await asyncBufferFromFile(join(resultDir, 'samples.parquet'))
  const samples = await parquetReadObjects({ file, compressors })
  const startNs = Number(samples[0].monotonic_ns) - samples[0].timestamp_s * 1e9
  const offsetS = (startNs - Number(epochNs)) / 1e9
  const { duration_sec: durationS } = JSON.parse(readFileSync(join(resultDir, 'result.json'), 'utf8'))
  const truth = truthPoints(offsetS)
  const trueJ = joulesBetween(offsetS, offsetS + durationS)
  writeFileSync(
    join(root, 'docs/picture.svg'),
    picture({ samples, truth, trueJ, durationS, energy: energy.devices[0] }),
  )
} finally {
  rmSync(folder, { recursive: true })
}

/** The power of the scenario every tenth of a millisecond, in seconds from the start of the window. */
function truthPoints(offsetS) {
  const points = []
  for (let s = FROM_S; s <= TO_S; s += 1e-4) points.push([s, powerAt(s + offsetS)])
  return points
}

function powerAt(s) {
  let left = s
  for (const { for_s: forS, w, square } of segments) {
    if (left < forS)
      return square
        ? left % square.period_s < square.duty * square.period_s
          ? square.high_w
          : square.low_w
        : w
    left -= forS
  }
  return 75
}

function joulesBetween(fromS, toS) {
  let joules = 0
  for (let s = fromS; s < toS; s += 1e-5) joules += powerAt(s) * 1e-5
  return joules
}

function picture({ samples, truth, trueJ, durationS, energy }) {
  const x = (s) => (LEFT + ((s - FROM_S) / (TO_S - FROM_S)) * (WIDTH - LEFT - 20)).toFixed(1)
  const y = (w) => (BOTTOM - (w / MOST_W) * (BOTTOM - TOP)).toFixed(1)
  const line = (points) => points.map(([s, w]) => `${x(s)},${y(w)}`).join(' ')
  const shown = samples.filter(({ timestamp_s: s, power_w: w }) => w !== null && s >= FROM_S && s <= TO_S)
  const steps = corners(shown.map(({ timestamp_s: s, power_w: w }) => [s, w]))
  const ticks = [0, 200, 400, 600].map(
    (w) =>
      `<text x="${LEFT - 8}" y="${y(w)}" text-anchor="end" dy="4">${w}</text><line x1="${LEFT}" x2="${WIDTH - 20}" y1="${y(w)}" y2="${y(w)}" stroke="#8884"/>`,
  )
  const seconds = [0, 0.2, 0.4, 0.6, 0.8, 1, 1.2].map(
    (s) => `<text x="${x(s)}" y="${BOTTOM + 18}" text-anchor="middle">${s} s</text>`,
  )
  const off = (joules) => `${(100 * (joules / trueJ - 1)).toFixed(2)} %`
  const told = [
    [
      '#888',
      `drawn: ${trueJ.toFixed(1)} J in ${durationS.toFixed(1)} s, of which the first are shown (simulated)`,
    ],
    [
      '#0969da',
      `the sensor shows 25 of every 100 ms; its integral: ${energy.integral_j.toFixed(1)} J, ${off(energy.integral_j)}`,
    ],
    [
      '#1a7f37',
      `llem: ${energy.total_j.toFixed(1)} J +- ${energy.uncertainty_j.toFixed(1)} J, ${off(energy.total_j)}`,
    ],
  ]
  const legend = told.map(
    ([colour, text], k) => `<tspan x="${LEFT}" y="${14 + 14 * k}" fill="${colour}">${text}</tspan>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#888">
<rect x="${x(0)}" y="${TOP}" width="${x(Math.min(durationS, TO_S)) - x(0)}" height="${BOTTOM - TOP}" fill="#1a7f37" opacity="0.10"/>
${ticks.join('\n')}
${seconds.join('\n')}
<text x="${LEFT - 8}" y="${TOP - 2}" text-anchor="end">W</text>
<polyline points="${line(corners(truth))}" fill="none" stroke="#888" stroke-width="0.8"/>
<polyline points="${line(steps)}" fill="none" stroke="#0969da" stroke-width="2"/>
<text>${legend.join('')}</text>
</svg>
`
}

/** Where a line that stands still between its changes turns. */
function corners(points) {
  return points.flatMap(([s, w], k) => {
    const before = points[k - 1]
    if (before === undefined || k === points.length - 1) return [[s, w]]
    return before[1] === w
      ? []
      : [
          [s, before[1]],
          [s, w],
        ]
  })
}
