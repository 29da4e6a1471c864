// Where a BMC shows the power of a chassis. Newer ones have sensors and EnvironmentMetrics (DMTF DSP0268, 2020.4 on), older
// ones the resource Power. A sensor is best: it may say when it was read.

import { LlemError } from '../../core/errors.js'
import { listedNames } from '../../core/foreign-text.js'
import type { Resource } from './client.js'

/** What answers questions: a client, or one that asks again where a question fails. */
export interface Asking {
  get(path: string, signal?: AbortSignal): Promise<Resource | null>
}

/** What is read over and over: a resource, and how its value is found in it. */
export interface PowerSource {
  path: string
  /** For a person. */
  what: string
  /** Null where the value is null or missing now. */
  read: (resource: Resource) => SourceReading | null
  /** How far it may be off in percent, as it says itself; null: it says nothing. */
  accuracyPct: number | null
}

export interface SourceReading {
  /** Watts, or joules of a counter. */
  value: { w: number } | { j: number }
  /** When the BMC says that it was read; null: it does not. */
  time: string | null
}

const CHASSIS = '/redfish/v1/Chassis'
/** Pages of a collection, and members of it. */
const MOST_PAGES = 50
const MOST_MEMBERS = 2000
const JOULES_OF_KWH = 3.6e6
/** Sensors of a whole chassis as vendors name them; those of parts have longer names. */
const WHOLE =
  /^(total_?power|system_?board_?pwr_?consumption|sys_?pwr|power_?reading|chassis_?power|input_?power|system_?power(_?consumption|_?control)?|power_?consumption|total_?system_?power|pwr_?consumption|node_?power|system_?input_?power|hsc_?input_?power)$/i
const OF_WHOLE = new Set(['Chassis', 'SystemBoard', 'System', 'PowerSubsystem'])

/** Chassis.ChassisType of what is a part of a machine: a GPU shows a power too. */
const PARTS = new Set(['Component', 'Module', 'Card', 'Cartridge', 'Zone', 'Cabinet', 'Rack', 'Row', 'Pod'])
const SOUNDS_LIKE_PART =
  /gpu|cpu|hgx|fpga|erot|nic|pcie|drive|disk|fan|psu|power_?suppl|retimer|switch|riser|backplane|bmc|nvme|cable/i

/** The best source of a chassis; without a name of the first that is a whole machine. Throws REDFISH_NO_POWER and what the client throws. */
export async function findPower(
  client: Asking,
  name: string | null,
  signal?: AbortSignal,
): Promise<PowerSource> {
  const paths =
    name === null
      ? likelyFirst(await members(client, CHASSIS, signal))
      : [`${CHASSIS}/${encodeURIComponent(name)}`]
  const looked: string[] = []
  for (const path of paths) {
    const chassis = await client.get(path, signal)
    const isPart = name === null && typeof chassis?.ChassisType === 'string' && PARTS.has(chassis.ChassisType)
    const found =
      chassis === null
        ? 'there is no such chassis'
        : isPart
          ? `it is a ${chassis.ChassisType}`
          : await ofChassis(client, chassis, signal)
    const id = path.split('/').at(-1)
    if (typeof found !== 'string') return { ...found, what: `${found.what} of chassis ${id}` }
    looked.push(`${id}: ${found}`)
  }
  throw new LlemError(
    looked.length === 0 ? 'The BMC has no chassis' : `The BMC shows no power: ${listedNames(looked)}`,
    { code: 'REDFISH_NO_POWER', hint: 'Name another one with --chassis, if its pages show a power.' },
  )
}

/** A machine with eight GPUs has dozens of chassis, each of which takes a slow BMC seconds. */
function likelyFirst(paths: readonly string[]): string[] {
  const isPart = (path: string) => SOUNDS_LIKE_PART.test(path.split('/').at(-1) ?? '')
  return [...paths.filter((path) => !isPart(path)), ...paths.filter(isPart)]
}

async function ofChassis(
  client: Asking,
  chassis: Resource,
  signal: AbortSignal | undefined,
): Promise<PowerSource | string> {
  const metrics = linkOf(chassis, 'EnvironmentMetrics')
  const environment = metrics === null ? null : await client.get(metrics, signal)
  // It names the sensor of the whole chassis, where it has one.
  const named = environment === null ? null : sourceUriOf(environment.PowerWatts)
  if (named !== null) {
    const sensor = await client.get(named, signal)
    const source = sensor === null ? null : ofSensor(named, sensor)
    if (source !== null) return source
  }
  if (environment !== null && metrics !== null) {
    const source = ofEnvironment(metrics, environment)
    if (source !== null) return source
  }
  const sensors = linkOf(chassis, 'Sensors')
  if (sensors !== null) {
    const source = await ofSensors(client, sensors, signal)
    if (source !== null) return source
  }
  const power = linkOf(chassis, 'Power')
  const older = power === null ? null : await client.get(power, signal)
  const source = power === null || older === null ? null : ofPower(power, older)
  return source ?? 'neither EnvironmentMetrics, a sensor of the whole chassis nor Power has a number'
}

/** A sensor with power or energy in a unit that is known; null for any other, and for one without a value. */
function ofSensor(path: string, sensor: Resource): PowerSource | null {
  const quantity = quantityOf(sensor)
  if (quantity === null || numberOf(sensor.Reading) === null) return null
  return {
    path,
    what: `sensor ${path.split('/').at(-1)}`,
    read: (resource) => {
      const reading = numberOf(resource.Reading)
      const isOff = stateOf(resource) !== null && stateOf(resource) !== 'Enabled'
      if (reading === null || isOff) return null
      return {
        value: quantity(reading),
        time: typeof resource.ReadingTime === 'string' ? resource.ReadingTime : null,
      }
    },
    // Percent of the reading by the schema; vendors write 0 where they do not know.
    accuracyPct: positive(numberOf(sensor.Accuracy)),
  }
}

function quantityOf({
  ReadingType: type,
  ReadingUnits: unit,
}: Resource): ((value: number) => SourceReading['value']) | null {
  if (unit === 'W' && (type === undefined || type === null || type === 'Power')) return (w) => ({ w })
  if (unit === 'kW' && (type === undefined || type === null || type === 'Power'))
    return (kw) => ({ w: kw * 1000 })
  if (type === 'EnergyJoules' && (unit === 'J' || unit === undefined || unit === null)) return (j) => ({ j })
  if (type === 'EnergykWh' && (unit === 'kW.h' || unit === undefined || unit === null))
    return (kwh) => ({ j: kwh * JOULES_OF_KWH })
  if (type === 'EnergyWh' && (unit === 'W.h' || unit === undefined || unit === null))
    return (wh) => ({ j: wh * (JOULES_OF_KWH / 1000) })
  return null
}

/** Power first: a counter in kWh has a tick each few seconds at best, one in joules none that is worse than power. */
function ofEnvironment(path: string, environment: Resource): PowerSource | null {
  for (const [key, quantity] of [
    ['PowerWatts', (w: number) => ({ w })],
    ['EnergyJoules', (j: number) => ({ j })],
    ['EnergykWh', (kwh: number) => ({ j: kwh * JOULES_OF_KWH })],
  ] as const) {
    if (readingOf(environment[key]) === null) continue
    return {
      path,
      what: `EnvironmentMetrics.${key}`,
      read: (resource) => {
        const reading = readingOf(resource[key])
        return reading === null ? null : { value: quantity(reading), time: null }
      },
      accuracyPct: null,
    }
  }
  return null
}

async function ofSensors(
  client: Asking,
  collection: string,
  signal: AbortSignal | undefined,
): Promise<PowerSource | null> {
  const paths = await members(client, collection, signal)
  const byName = paths.filter((path) => WHOLE.test(decodeURIComponent(path.split('/').at(-1) ?? '')))
  // Asking for each of hundreds of sensors takes a slow BMC minutes: those that sound like it come first.
  for (const path of [
    ...byName,
    ...paths.filter((each) => /p(o?we|w)r|energy/i.test(each) && !byName.includes(each)),
  ]) {
    const sensor = await client.get(path, signal)
    if (sensor === null) continue
    const source = ofSensor(path, sensor)
    const isOfWhole =
      byName.includes(path) ||
      (typeof sensor.PhysicalContext === 'string' &&
        OF_WHOLE.has(sensor.PhysicalContext) &&
        sensor.ElectricalContext === 'Total')
    if (source !== null && isOfWhole) return source
  }
  return null
}

/** The first entry of PowerControl is the whole chassis (Power.v1_7_1); others are parts of it. */
function ofPower(path: string, power: Resource): PowerSource | null {
  const consumedOf = ({ PowerControl: list }: Resource): number | null => {
    const first: unknown = Array.isArray(list) ? list[0] : undefined
    return typeof first === 'object' && first !== null
      ? numberOf((first as Resource).PowerConsumedWatts)
      : null
  }
  if (consumedOf(power) === null) return null
  return {
    path,
    what: 'Power.PowerControl[0].PowerConsumedWatts',
    read: (resource) => {
      const w = consumedOf(resource)
      return w === null ? null : { value: { w }, time: null }
    },
    accuracyPct: null,
  }
}

/** All members of a collection, page by page. */
async function members(client: Asking, path: string, signal: AbortSignal | undefined): Promise<string[]> {
  const found: string[] = []
  const seen = new Set<string>()
  let next: string | null = path
  while (next !== null && !seen.has(next) && seen.size < MOST_PAGES && found.length < MOST_MEMBERS) {
    seen.add(next)
    const page: Resource | null = await client.get(next, signal)
    const list: unknown = page?.Members
    if (Array.isArray(list)) found.push(...list.flatMap((each) => idOf(each) ?? []))
    const more: unknown = page?.['Members@odata.nextLink']
    next = typeof more === 'string' ? more : null
  }
  return found.slice(0, MOST_MEMBERS)
}

function linkOf(resource: Resource, key: string): string | null {
  return idOf(resource[key])
}

function idOf(value: unknown): string | null {
  const id = typeof value === 'object' && value !== null ? (value as Resource)['@odata.id'] : undefined
  return typeof id === 'string' && id.startsWith('/') ? id : null
}

function sourceUriOf(excerpt: unknown): string | null {
  const uri =
    typeof excerpt === 'object' && excerpt !== null ? (excerpt as Resource).DataSourceUri : undefined
  // A part of a document, as of Power, is no sensor.
  return typeof uri === 'string' && uri.startsWith('/') && !uri.includes('#') ? uri : null
}

function readingOf(excerpt: unknown): number | null {
  return typeof excerpt === 'object' && excerpt !== null ? numberOf((excerpt as Resource).Reading) : null
}

function stateOf({ Status: status }: Resource): string | null {
  const state = typeof status === 'object' && status !== null ? (status as Resource).State : undefined
  return typeof state === 'string' ? state : null
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null
}

function positive(value: number | null): number | null {
  return value !== null && value > 0 && value <= 100 ? value : null
}
