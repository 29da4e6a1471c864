// What a scrape is told, by which names. Units are Prometheus's base units, and stand in the names.

import type { Snapshot } from '../native/addon.js'
import type { SampledDevice } from '../native/sampler.js'
import type { Family } from './exposition.js'
import type { EnergyTotals, Total } from './totals.js'

export interface Told {
  version: string
  driver: string | null
  simulated: boolean
  devices: readonly SampledDevice[]
  powerDomains: readonly string[]
  snapshot: Snapshot
  totals: EnergyTotals
}

type Row = { labels: Record<string, string>; total: Total }

/** Everything that llem tells, in the order in which it is shown. */
export function familiesOf({
  version,
  driver,
  simulated,
  devices,
  powerDomains,
  snapshot,
  totals,
}: Told): Family[] {
  const labelled = devices.map(({ uuid, index, name }, position) => ({
    labels: { gpu: String(index), uuid, model: name ?? '', scope: 'gpu' },
    now: snapshot.devices[position],
    total: totals.gpus.get(uuid),
    domain: powerDomains[position] ?? '',
  }))
  const rows = labelled.flatMap(({ labels, total }) => (total === undefined ? [] : [{ labels, total }]))
  const gauge = (
    name: string,
    help: string,
    value: (now: Snapshot['devices'][number]) => number | undefined,
  ): Family => ({
    name: `llem_gpu_${name}`,
    type: 'gauge',
    help,
    samples: labelled.map(({ labels, now }) => ({ labels, value: now && value(now) })),
  })
  return [
    {
      name: 'llem_info',
      type: 'gauge',
      help: 'Always 1. Who measures; simulated="true" is no hardware.',
      samples: [{ labels: { version, driver: driver ?? '', simulated: String(simulated) }, value: 1 }],
    },
    {
      name: 'llem_gpu_info',
      type: 'gauge',
      help: 'Always 1. What the power reading of a GPU is.',
      samples: labelled.map(({ labels, domain }) => ({
        labels: { ...labels, power_domain: domain },
        value: 1,
      })),
    },
    ...energyFamilies('gpu', 'GPUs', rows),
    ...energyFamilies(
      'cpu',
      'the CPU and its memory by RAPL; domains overlap, so do not add them',
      others(totals.cpu, 'domain'),
    ),
    ...energyFamilies(
      'sensor',
      'sensors of no GPU (modules, rails, nodes); they overlap, so do not add them',
      others(totals.sensors, 'sensor'),
    ),
    gauge('power_watts', 'The newest power reading.', ({ powerW }) => powerW),
    gauge('temperature_celsius', 'Of the GPU.', ({ temperatureC }) => temperatureC),
    gauge(
      'sm_utilisation_ratio',
      'Share of the time in which a kernel ran, 0 to 1.',
      ({ smUtilisationPct }) => (smUtilisationPct === undefined ? undefined : smUtilisationPct / 100),
    ),
    gauge('memory_used_bytes', 'Memory in use.', ({ memoryUsedBytes }) => memoryUsedBytes),
    gauge('sm_clock_hertz', 'Clock of the multiprocessors.', ({ smClockMhz }) =>
      smClockMhz === undefined ? undefined : smClockMhz * 1e6,
    ),
    gauge(
      'throttle_reasons',
      'Why the clocks are held back, as the bits of nvml.h.',
      ({ throttleReasons }) => throttleReasons,
    ),
    {
      name: 'llem_windows_total',
      type: 'counter',
      help: 'Windows that were measured end to end; with ended="lost" those without a report.',
      samples: [
        { labels: { ended: 'measured' }, value: totals.windows },
        { labels: { ended: 'lost' }, value: totals.lostWindows },
      ],
    },
    {
      name: 'llem_finding_windows_total',
      type: 'counter',
      help: 'Windows with a finding, by its code; `llem explain CODE` says what it means.',
      samples: [...totals.findings].map(([code, value]) => ({ labels: { code }, value })),
    },
  ]
}

function others(totals: ReadonlyMap<string, Total & { kind: string }>, label: string): Row[] {
  return [...totals].map(([name, total]) => ({ labels: { [label]: name, kind: total.kind }, total }))
}

/** The counters of one kind of things. */
function energyFamilies(kind: string, of: string, rows: readonly Row[]): Family[] {
  const counter = (name: string, help: string, value: (total: Total) => number | null): Family => ({
    name: `llem_${kind}_${name}_total`,
    type: 'counter',
    help,
    samples: rows.map(({ labels, total }) => ({ labels, value: value(total) })),
  })
  return [
    counter('energy_joules', `Energy that was measured since llem started: ${of}.`, ({ joules }) => joules),
    counter(
      'energy_uncertainty_joules',
      'At most how far that may be off (k = 2, with the gain of the board).',
      ({ uncertaintyJ }) => uncertaintyJ,
    ),
    counter('measured_seconds', 'Time that these joules are of.', ({ measuredS }) => measuredS),
    counter('unmeasured_seconds', 'Time of which no joules can be told.', ({ unmeasuredS }) => unmeasuredS),
  ]
}
