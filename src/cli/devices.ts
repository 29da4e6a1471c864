import { dataDir } from '../core/paths.js'
import { KnownDevices } from '../energy/known-devices.js'
import { chooseLibrary } from '../energy/library.js'
import { cpuZones } from '../energy/open-cpu.js'
import { type BackendProbe, probeEnergyBackends } from '../energy/probe.js'
import { type Visible, visibleHere } from '../energy/visible.js'
import type { CpuZone, Device, SensorPlace } from '../native/addon.js'
import { listDevices, listSensors } from '../native/machine.js'
import { isOfSysfs } from '../native/sysfs.js'
import { calibrationTables } from './calibration-tables.js'
import { cpuTable } from './cpu-table.js'
import { print, printJson, quantity, SIMULATED, say } from './screen.js'
import { columns } from './tables.js'

const GIB = 1024 ** 3
/** Whoever looks at the machine wants to know soon which call the driver does not answer. */
const PATIENCE_MS = 8000

/** Lists the GPUs and what llem can read from each. */
export async function devices(options: {
  simulate?: string | boolean
  json?: boolean
  verbose?: boolean
}): Promise<void> {
  const { libraryPath } = chooseLibrary(options.simulate)
  const machine = await listDevices(libraryPath, PATIENCE_MS).catch(async (error: unknown) => {
    // What a machine without GPUs can still measure.
    if (options.verbose && !options.json)
      print(`${cpuTable(await cpuZones())}${sensorTable(await listSensors())}`.trimStart())
    throw error
  })
  const probes = options.verbose ? await probesOf(libraryPath) : null
  const cpu = options.verbose ? await cpuZones() : null
  const sensors = options.verbose ? await listSensors() : []
  const { simulated, unreadable = [] } = machine
  const known = new KnownDevices(machine)
  if (options.json) {
    printJson({
      simulated,
      driver_version: machine.driverVersion ?? null,
      cuda_version: machine.cudaVersion ?? null,
      devices: await Promise.all(
        machine.devices.map(async (gpu) => ({
          ...onDisk(gpu),
          sensor: await known.sensorOf(gpu),
          calibration: await known.calibrationOf(gpu),
        })),
      ),
      unreadable,
      ...(options.verbose ? { visible: visibleHere(machine), sensors } : {}),
      ...(probes === null ? {} : { energy_backends: probes }),
      ...(cpu === null ? {} : { cpu_domains: cpu.zones.map(zoneOnDisk), cpu_reason: cpu.reason }),
    })
    return
  }
  if (simulated) say(SIMULATED)
  if (machine.nvmlProblem !== undefined) say(`NVIDIA: ${machine.nvmlProblem}.`)
  if (machine.driverVersion !== undefined || machine.devices.length === 0)
    say(`Driver ${machine.driverVersion ?? 'unknown'} | CUDA ${machine.cudaVersion ?? 'unknown'}`)
  for (const { index, reason } of unreadable) say(`GPU ${index} cannot be read: ${reason}.`)
  if (machine.devices.length === 0 && unreadable.length === 0) {
    say('The driver sees no GPU.')
    if (probes !== null) print(probeTable(probes))
    if (cpu !== null) print(cpuTable(cpu) + sensorTable(sensors))
    return
  }
  for (const { index, problem } of machine.devices)
    if (problem !== undefined) say(`GPU ${index} cannot be measured: ${problem}.`)
  const head = [
    '',
    'vendor',
    'name',
    'memory',
    'now',
    'limit',
    'power from',
    'counter',
    'persistence',
    'MIG',
    'UUID',
  ]
  const rows = machine.devices.map((gpu) => [
    String(gpu.index),
    gpu.vendor ?? '-',
    gpu.name ?? '-',
    quantity(gpu.memoryTotalBytes === undefined ? null : gpu.memoryTotalBytes / GIB, 'GiB', 0),
    quantity(gpu.powerW, 'W', 0),
    quantity(gpu.powerLimitW, 'W', 0),
    gpu.powerDomain ?? 'nothing',
    gpu.energyCounter ? 'yes' : 'no',
    onOff(gpu.persistenceMode),
    onOff(gpu.migMode),
    gpu.uuid,
  ])
  print(columns(head, rows, [3, 4, 5]))
  if (options.verbose) print(visibleLines(visibleHere(machine)))
  if (probes !== null) print(probeTable(probes))
  if (cpu !== null) print(cpuTable(cpu) + sensorTable(sensors))
  if (!options.verbose) return
  for (const gpu of machine.devices) {
    const calibration = await known.calibrationOf(gpu)
    if (calibration === null) {
      const { update_period_ms } = await known.sensorOf(gpu)
      const seen =
        update_period_ms === null
          ? ''
          : ` Earlier runs saw its sensor publish every ${update_period_ms.toFixed(2)} ms.`
      const why = isOfSysfs(gpu)
        ? 'cannot be calibrated: its sensors are files below /sys.'
        : 'was not calibrated under this driver; see `llem calibrate`.'
      print(`\nGPU ${gpu.index} ${why}${seen}`)
    } else
      print(`\nGPU ${gpu.index}, calibrated ${calibration.calibrated_at}\n${calibrationTables(calibration)}`)
  }
}

/** What a command that is started here would be measured on, and what leaves it that. */
function visibleLines({ variables, measured, unmeasured, notes }: Visible): string {
  const set = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  const gpus = measured.length === 0 ? 'no GPU' : `GPU ${measured.join(', ')}`
  return [
    `\nMeasured by default: ${gpus} (${set.length === 0 ? 'no variable hides any' : set.join(' ')}).`,
    ...unmeasured.map(({ index, reason }) => `Not measured: GPU ${index}: ${reason}.`),
    ...notes.map((note) => `Note: ${note}.`),
  ].join('\n')
}

/** What each energy backend says of the GPUs, in the order in which `auto` asks. */
function probesOf(libraryPath: string | undefined): Promise<BackendProbe[]> {
  return probeEnergyBackends({ libraryPath, python: process.env.LLEM_PYTHON || null, dataDir: dataDir() })
}

function probeTable(probes: readonly BackendProbe[]): string {
  const chosen = probes.find(({ available }) => available)
  const rows = probes.map((probe) => [
    probe.name,
    probe.version ?? '-',
    probe.domain === 'cpu' ? 'CPU only' : probe.available ? 'yes' : 'no',
    probe === chosen ? 'chosen by auto' : (probe.problem ?? ''),
  ])
  return `\n${columns(['energy backend', 'version', 'reads GPUs', ''], rows)}`
}

/** What `energy.sensors` of a result would hold; empty where there is nothing. */
function sensorTable(sensors: readonly SensorPlace[]): string {
  if (sensors.length === 0) return ''
  const rows = sensors.map(({ sensor, kind, source }) => [sensor, kind, source])
  return `\n\n${columns(['sensor of no GPU', 'of', 'by'], rows)}`
}

function onOff(value: boolean | undefined): string {
  return value === undefined ? '-' : value ? 'on' : 'off'
}

function zoneOnDisk({ name, kind, reason }: CpuZone): Record<string, unknown> {
  return { domain: name, kind, readable: reason == null, reason: reason ?? null }
}

function onDisk(gpu: Device): Record<string, unknown> {
  return {
    index: gpu.index,
    vendor: gpu.vendor ?? null,
    uuid: gpu.uuid,
    name: gpu.name ?? null,
    pci_bus_id: gpu.pciBusId ?? null,
    architecture: gpu.architecture ?? null,
    compute_capability: gpu.computeCapability ?? null,
    memory_total_mb: gpu.memoryTotalBytes === undefined ? null : gpu.memoryTotalBytes / 1024 ** 2,
    pcie_generation: gpu.pcieGeneration ?? null,
    pcie_width: gpu.pcieWidth ?? null,
    power_limit_w: gpu.powerLimitW ?? null,
    power_limit_default_w: gpu.powerLimitDefaultW ?? null,
    persistence_mode: gpu.persistenceMode ?? null,
    mig_mode: gpu.migMode ?? null,
    temperature_c: gpu.temperatureC ?? null,
    vbios_version: gpu.vbiosVersion ?? null,
    power_domain: gpu.powerDomain ?? null,
    power_w: gpu.powerW ?? null,
    energy_counter: gpu.energyCounter,
    problem: gpu.problem ?? null,
    mig_uuids: gpu.migUuids ?? [],
    integrated: gpu.integrated ?? null,
    partition: gpu.partition ?? null,
  }
}
