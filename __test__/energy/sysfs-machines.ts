// The machines: an AMD MI300X, a Radeon, an Intel Arc, a Jetson and a Grace module.

import {
  bursts,
  type Curve,
  chipNumber,
  type Fault,
  type Moved,
  metricsTable,
  pciFiles,
  type SysfsTree,
} from './sysfs-tree.js'

/** Faults of the two sources of a GPU. */
export interface Faults {
  power?: Fault
  energy?: Fault
}

const GIB = 1024 ** 3
/** gpu_metrics v1.6 with statistics of partitions, and where its accumulator is. */
const MI300_METRICS = { size: 1664, content: 6, at: 16 }

export interface FakeGpu {
  uuid: string
  curve: Curve
}

/** Power in whole watts and an accumulator, both of which the firmware moves every 10 ms. */
export function mi300x(
  tree: SysfsTree,
  card: number,
  faults: Faults = {},
  energy: Partial<Moved> = {},
): FakeGpu {
  const curve = bursts(140, 740, 11 + card)
  const chip = chipNumber()
  const folder = tree.place(`class/drm/card${card}/device`, {
    ...pciFiles('1002', '74a1', 'amdgpu', `0000:${(0x10 + card).toString(16)}:00.0`),
    unique_id: `${chip}\n`,
    product_name: 'AMD Instinct MI300X OAM\n',
    mem_info_vram_total: `${192 * GIB}\n`,
    mem_info_vram_used: `${100 * GIB}\n`,
    gpu_busy_percent: '100\n',
    gpu_metrics: metricsTable(MI300_METRICS.size, MI300_METRICS.content),
    'hwmon/hwmon3/name': 'amdgpu\n',
    'hwmon/hwmon3/power1_cap': '750000000\n',
    'hwmon/hwmon3/power1_cap_default': '750000000\n',
    'hwmon/hwmon3/temp2_label': 'junction\n',
    'hwmon/hwmon3/temp2_input': '61000\n',
    'hwmon/hwmon3/temp3_label': 'mem\n',
    'hwmon/hwmon3/temp3_input': '52000\n',
    'hwmon/hwmon3/freq1_label': 'sclk\n',
    'hwmon/hwmon3/freq1_input': '2100000000\n',
  })
  tree.move(`${folder}/hwmon/hwmon3/power1_input`, {
    curve,
    what: { unit: 'W' },
    everyMs: 10,
    ...(faults.power === undefined ? {} : { fault: faults.power }),
  })
  tree.move(`${folder}/gpu_metrics`, {
    curve,
    what: { unit: 'table', at: MI300_METRICS.at },
    everyMs: 10,
    phaseMs: 5,
    offset: 1e7,
    ...(faults.energy === undefined ? {} : { fault: faults.energy }),
    ...energy,
  })
  return { uuid: `AMD-${chip}`, curve }
}

/** gpu_metrics v1.3, whose header states no unit of the accumulator. */
const RADEON_METRICS = { size: 120, content: 3, at: 24 }

/** A mean power every 100 ms; `unit`: with an accumulator that counts by so many times 2^-16 J. */
export function radeon(tree: SysfsTree, card: number, fault?: Fault, unit?: number): FakeGpu {
  const curve = bursts(18, 290, 23 + card)
  const chip = chipNumber()
  const folder = tree.place(`class/drm/card${card}/device`, {
    ...pciFiles('1002', '744c', 'amdgpu', `0000:${(0x30 + card).toString(16)}:00.0`),
    unique_id: `${chip}\n`,
    mem_info_vram_total: `${24 * GIB}\n`,
    gpu_metrics: metricsTable(RADEON_METRICS.size, RADEON_METRICS.content),
    'hwmon/hwmon4/name': 'amdgpu\n',
    'hwmon/hwmon4/power1_cap': '303000000\n',
  })
  tree.move(`${folder}/hwmon/hwmon4/power1_average`, {
    curve,
    what: { unit: 'uW' },
    everyMs: 100,
    phaseMs: 37,
    ...(fault === undefined ? {} : { fault }),
  })
  if (unit !== undefined) {
    const levels = curve.levels.map(({ fromS, w }) => ({ fromS, w: w / unit }))
    tree.move(`${folder}/gpu_metrics`, {
      curve: { ...curve, levels, rippleW: curve.rippleW / unit },
      what: { unit: 'table', at: RADEON_METRICS.at },
      everyMs: 50,
      offset: 1000,
    })
  }
  return { uuid: `AMD-${chip}`, curve }
}

/** Energy alone, of the card and less of the package. */
export function arc(tree: SysfsTree, card: number, fault?: Fault): FakeGpu {
  const curve = bursts(35, 190, 31 + card)
  const address = `0000:${(0x50 + card).toString(16)}:00.0`
  // Its number is its place: of another machine each time.
  const domain = chipNumber().slice(-4)
  const place = address.replace('0000', domain)
  const folder = tree.place(`class/drm/card${card}/device`, {
    ...pciFiles('8086', 'e20b', 'xe', place),
    'hwmon/hwmon5/name': 'xe\n',
    'hwmon/hwmon5/energy1_label': 'card\n',
    'hwmon/hwmon5/energy2_label': 'pkg\n',
    'hwmon/hwmon5/energy2_input': '1000000\n',
    'hwmon/hwmon5/power1_max': '190000000\n',
    'hwmon/hwmon5/temp2_label': 'pkg\n',
    'hwmon/hwmon5/temp2_input': '58000\n',
  })
  tree.move(`${folder}/hwmon/hwmon5/energy1_input`, {
    curve,
    what: { unit: 'uJ' },
    everyMs: 4,
    offset: 5000,
    ...(fault === undefined ? {} : { fault }),
  })
  return { uuid: `PCI-${place}`, curve }
}

export interface FakeSensor {
  sensor: string
  kind: string
  curve: Curve
}

/** Three rails behind an INA3221. */
export function jetson(tree: SysfsTree): FakeSensor[] {
  const rails = [
    { sensor: 'VDD_GPU_SOC', kind: 'gpu', mv: 19000, curve: bursts(3, 30, 41) },
    { sensor: 'VDD_CPU_CV', kind: 'cpu', mv: 19000, curve: bursts(1.5, 12, 43) },
    { sensor: 'VIN_SYS_5V0', kind: 'other', mv: 5000, curve: bursts(4, 8, 47) },
  ]
  const folder = tree.place('class/hwmon/hwmon2', { name: 'ina3221\n' })
  for (const [k, { sensor, mv, curve }] of rails.entries()) {
    tree.place(folder, { [`in${k + 1}_label`]: `${sensor}\n`, [`in${k + 1}_input`]: `${mv}\n` })
    tree.move(`${folder}/curr${k + 1}_input`, {
      curve,
      what: { unit: 'mA', mv },
      everyMs: 40,
      phaseMs: 11 * k,
    })
  }
  return rails
}

/** Its four ACPI power meters. */
export function grace(tree: SysfsTree, fault?: Fault): FakeSensor[] {
  const meters = [
    { sensor: 'Module Power Socket 0', kind: 'module', curve: bursts(220, 900, 53) },
    { sensor: 'Grace Power Socket 0', kind: 'soc', curve: bursts(90, 280, 59) },
    { sensor: 'CPU Power Socket 0', kind: 'cpu', curve: bursts(40, 180, 61) },
    { sensor: 'SysIO Power Socket 0', kind: 'io', curve: bursts(20, 40, 67) },
  ]
  for (const [k, { sensor, curve }] of meters.entries()) {
    const folder = tree.place(`class/hwmon/hwmon${k + 6}/device`, {
      name: 'power_meter\n',
      power1_oem_info: `${sensor}\n`,
      power1_average_interval: '50\n',
    })
    tree.move(`${folder}/power1_average`, {
      curve,
      what: { unit: 'uW' },
      everyMs: 50,
      phaseMs: 13 * k,
      ...(fault === undefined || k > 0 ? {} : { fault }),
    })
  }
  return meters
}
