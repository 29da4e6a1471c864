import type { Energy } from '../results/energy.js'
import type { ExecResult } from '../results/exec.js'
import { spoken } from '../results/findings.js'
import { whoseJoules } from '../results/whose.js'
import { cpuFacts } from './cpu-facts.js'
import { externalFacts } from './external-facts.js'
import { bothUncertainties, withUncertainty } from './joules.js'
import { migFacts } from './mig-facts.js'
import { quantity, SIMULATED } from './screen.js'
import { sensorFacts } from './sensor-facts.js'
import { columns } from './tables.js'
import { untrustedFacts } from './untrusted-facts.js'

const HEAD = ['', 'name', 'energy', 'mean', 'peak', 'duration', 'by']

/** The result of a command for people, line by line, for a screen of that width; with `verbose` also what the sampler cost. */
export function execLines(
  {
    energy,
    energy_reason,
    simulated,
    findings,
  }: Pick<ExecResult, 'energy' | 'energy_reason' | 'simulated' | 'findings'>,
  runDir: string | null,
  { verbose, width }: { verbose: boolean; width: number },
): string[] {
  const banner = simulated ? [SIMULATED] : []
  if (energy === null) return [...banner, `Energy: unknown. ${energy_reason}`]
  const seconds = quantity(energy.duration_sec, 's', 2)
  const rows = energy.devices.map((device) => [
    `GPU ${device.index}`,
    device.name ?? device.uuid,
    withUncertainty(device),
    quantity(device.mean_power_w, 'W'),
    quantity(device.max_power_w, 'W'),
    seconds,
    device.method ?? device.reason,
  ])
  const whose = whoseJoules(energy)
  if (whose !== null)
    rows.push(['CPU', whose, withUncertainty(energy), meanPower(energy), '', seconds, energy.method ?? '-'])
  if (rows.length > 1) rows.push(['total', '', withUncertainty(energy), '', '', seconds, energy.method ?? ''])
  const uncertainties = bothUncertainties(energy, energy.devices.length)
  const { sampler } = energy
  return [
    ...banner,
    rows.length === 0 ? `Energy: unknown. ${energy.reason}` : columns(HEAD, rows, [2, 3, 4, 5], width),
    ...(uncertainties === null ? [] : [`Uncertainty (k=2): ${uncertainties}`]),
    ...[
      ...cpuFacts(energy, verbose),
      ...sensorFacts(energy.sensors, verbose),
      ...untrustedFacts(energy),
      ...migFacts(energy.devices, verbose),
      ...externalFacts(energy.external),
    ].map(([name, fact]) => `${name}: ${fact}`),
    ...findings.map((finding) => spoken(finding, energy.devices.length)),
    ...(verbose && sampler !== null
      ? [
          `Sampler: ${sampler.samples} samples, ${sampler.missed_deadlines} missed deadlines, p99 lateness ${quantity(sampler.lateness_us_p99, 'us', 0)}, ${sampler.cpu_s.toFixed(3)} s CPU, power reads p50 ${quantity(sampler.read_us_p50, 'us', 0)}, ${sampler.driver_s.toFixed(3)} s in the driver`,
        ]
      : []),
    ...(runDir === null ? [] : [`Files: ${runDir}`]),
  ]
}

function meanPower({ total_j, duration_sec }: Pick<Energy, 'total_j' | 'duration_sec'>): string {
  return quantity(total_j === null ? null : total_j / duration_sec, 'W')
}
