import { describeForeignProcess, describeLimitChange } from '../energy/contamination.js'
import { describeOtherSampler } from '../energy/other-samplers.js'
import { describeOverrun } from '../energy/overrun.js'
import type { ExecResult } from '../results/exec.js'
import { cpuFacts } from './cpu-facts.js'
import { columns, quantity, SIMULATED, withUncertainty } from './screen.js'

/** The result of a command for people, line by line; with `verbose` also what the sampler cost. */
export function execLines(
  { energy, energy_reason, simulated }: Pick<ExecResult, 'energy' | 'energy_reason' | 'simulated'>,
  runDir: string | null,
  verbose: boolean,
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
  if (rows.length > 1) rows.push(['total', '', withUncertainty(energy), '', '', seconds, energy.method ?? ''])
  const { other_samplers, foreign_processes, limit_changes } = energy.contamination
  const overrun = describeOverrun(energy, 'exec')
  const warnings = [
    ...(other_samplers ?? []).map(describeOtherSampler),
    ...(foreign_processes ?? []).map(describeForeignProcess),
    ...(limit_changes ?? []).map(describeLimitChange),
    ...(overrun === null ? [] : [overrun]),
    ...energy.faults,
  ]
  const { sampler } = energy
  return [
    ...banner,
    columns(['', 'name', 'energy', 'mean', 'peak', 'duration', 'by'], rows, [2, 3, 4, 5]),
    ...[...cpuFacts(energy.cpu, verbose)].map(([name, fact]) => `${name}: ${fact}`),
    ...warnings.map((text) => `Warning: ${text}`),
    ...(verbose && sampler !== null
      ? [
          `Sampler: ${sampler.samples} samples, ${sampler.missed_deadlines} missed deadlines, p99 lateness ${quantity(sampler.lateness_us_p99, 'us', 0)}, ${sampler.cpu_s.toFixed(3)} s CPU, power reads p50 ${quantity(sampler.read_us_p50, 'us', 0)}, ${sampler.driver_s.toFixed(3)} s in the driver`,
        ]
      : []),
    ...(runDir === null ? [] : [`Files: ${runDir}`]),
  ]
}
