// A BMC that does not exist: a real HTTP or HTTPS server whose resources have the shape of DMTF's published schemas
// (DSP8010: ServiceRoot, ChassisCollection, Chassis, EnvironmentMetrics.v1_3_0, SensorCollection, Sensor.v1_2_0, Power.v1_7_0,
// Session) and whose refusals have that of the extended error (DSP0266, "Error responses"). What real BMCs do otherwise is
// a switch: slow answers, pages, null readings, values that stand still, pages of HTML, sessions that end or are too many.

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export const USER = 'operator'
export const PASSWORD = 'correct-horse-battery'

type Resource = Record<string, unknown>

export interface BmcOptions {
  /** Path -> what is there now; what is not here is 404. */
  resources: Record<string, () => Resource>
  /** What a login needs; by default nothing. */
  auth?: 'none' | 'login'
  tls?: { key: string; cert: string }
  /** Instead of the resource, where it answers true. */
  instead?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>
}

export interface Asked {
  method: string
  path: string
  headers: IncomingMessage['headers']
}

export interface Bmc {
  url: string
  asked: Asked[]
  /** Open sessions by their token. */
  sessions: Map<string, string>
  close(): Promise<void>
}

export async function startBmc({ resources, auth = 'none', tls, instead }: BmcOptions): Promise<Bmc> {
  const asked: Asked[] = []
  const sessions = new Map<string, string>()
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = 'GET', headers } = request
    const path = new URL(request.url ?? '/', 'http://bmc').pathname
    asked.push({ method, path, headers })
    const body = await textOf(request)
    if ((await instead?.(request, response)) === true) return
    if (path === '/redfish/v1/SessionService/Sessions' && method === 'POST') {
      const { UserName, Password } = JSON.parse(body)
      if (UserName !== USER || Password !== PASSWORD) return refuse(response)
      const [token, id] = [`token-${randomUUID()}`, `${path}/${sessions.size + 1}`]
      sessions.set(token, id)
      response.writeHead(201, { 'x-auth-token': token, location: id, 'content-type': 'application/json' })
      response.end(JSON.stringify({ '@odata.type': '#Session.v1_3_0.Session', '@odata.id': id, UserName }))
      return
    }
    if (auth === 'login' && !isLoggedIn(headers, sessions)) return refuse(response)
    if (method === 'DELETE') {
      for (const [token, id] of sessions) if (id === path) sessions.delete(token)
      response.writeHead(204).end()
      return
    }
    const resource = resources[request.url ?? ''] ?? resources[path]
    if (resource === undefined)
      return send(response, 404, errorOf('Base.1.8.ResourceMissingAtURI', 'not found'))
    send(response, 200, { '@odata.id': path, ...resource() })
  }
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    asked,
    sessions,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

export function send(response: ServerResponse, status: number, content: Resource): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'odata-version': '4.0' })
  response.end(JSON.stringify(content))
}

function refuse(response: ServerResponse): void {
  send(response, 401, errorOf('Base.1.8.InsufficientPrivilege', 'The user name or password is wrong.'))
}

export function errorOf(code: string, message: string): Resource {
  return {
    error: {
      code: 'Base.1.8.GeneralError',
      message: 'A general error has occurred. See ExtendedInfo for more information.',
      '@Message.ExtendedInfo': [
        { '@odata.type': '#Message.v1_1_1.Message', MessageId: code, Message: message, Severity: 'Critical' },
      ],
    },
  }
}

function isLoggedIn(headers: IncomingMessage['headers'], sessions: Map<string, string>): boolean {
  const basic = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`
  return headers.authorization === basic || sessions.has(String(headers['x-auth-token'] ?? ''))
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += part
  return text
}

const link = (path: string) => ({ '@odata.id': path })
const CHASSIS = '/redfish/v1/Chassis'

/** The collection of all chassis and each of them, with links to those of its resources that are named. */
export function chassis(
  all: Record<string, ('EnvironmentMetrics' | 'Sensors' | 'Power')[]>,
  types: Record<string, string> = {},
): Record<string, () => Resource> {
  const ids = Object.keys(all)
  const pages = Object.entries(all).map(([id, has]) => [
    `${CHASSIS}/${id}`,
    () => ({
      '@odata.type': '#Chassis.v1_15_0.Chassis',
      Id: id,
      Name: 'Computer System Chassis',
      ChassisType: types[id] ?? 'RackMount',
      Status: { State: 'Enabled', Health: 'OK' },
      ...Object.fromEntries(has.map((name) => [name, link(`${CHASSIS}/${id}/${name}`)])),
    }),
  ])
  return {
    [CHASSIS]: () => ({
      '@odata.type': '#ChassisCollection.ChassisCollection',
      Name: 'Chassis Collection',
      'Members@odata.count': ids.length,
      Members: ids.map((id) => link(`${CHASSIS}/${id}`)),
    }),
    ...Object.fromEntries(pages),
  }
}

export function environmentMetrics(id: string, content: () => Resource): Record<string, () => Resource> {
  return {
    [`${CHASSIS}/${id}/EnvironmentMetrics`]: () => ({
      '@odata.type': '#EnvironmentMetrics.v1_3_0.EnvironmentMetrics',
      Id: 'EnvironmentMetrics',
      Name: 'Chassis Environment Metrics',
      TemperatureCelsius: { Reading: 39, DataSourceUri: `${CHASSIS}/${id}/Sensors/AmbientTemp` },
      ...content(),
    }),
  }
}

export function sensor(id: string, name: string, content: () => Resource): Record<string, () => Resource> {
  return {
    [`${CHASSIS}/${id}/Sensors/${name}`]: () => ({
      '@odata.type': '#Sensor.v1_2_0.Sensor',
      Id: name,
      Name: name,
      ReadingType: 'Power',
      ReadingUnits: 'W',
      Status: { State: 'Enabled', Health: 'OK' },
      PhysicalContext: 'Chassis',
      ...content(),
    }),
  }
}

/** A collection of sensors in pages of `size`. */
export function sensorCollection(
  id: string,
  names: readonly string[],
  size = names.length,
): Record<string, () => Resource> {
  const path = `${CHASSIS}/${id}/Sensors`
  const starts = Array.from({ length: Math.ceil(names.length / size) }, (_, page) => page * size)
  return Object.fromEntries(
    starts.map((start) => [
      start === 0 ? path : `${path}?$skip=${start}`,
      () => ({
        '@odata.type': '#SensorCollection.SensorCollection',
        Name: 'Chassis sensors',
        'Members@odata.count': names.length,
        Members: names.slice(start, start + size).map((name) => link(`${path}/${name}`)),
        ...(start + size < names.length ? { 'Members@odata.nextLink': `${path}?$skip=${start + size}` } : {}),
      }),
    ]),
  )
}

export function power(id: string, consumed: () => (number | null)[]): Record<string, () => Resource> {
  return {
    [`${CHASSIS}/${id}/Power`]: () => ({
      '@odata.type': '#Power.v1_7_0.Power',
      Id: 'Power',
      Name: 'Power',
      PowerControl: consumed().map((PowerConsumedWatts, at) => ({
        '@odata.id': `${CHASSIS}/${id}/Power#/PowerControl/${at}`,
        MemberId: String(at),
        Name: at === 0 ? 'System Input Power' : 'CPU Sub-system Power',
        PowerConsumedWatts,
        PowerCapacityWatts: 800,
        PowerMetrics: {
          IntervalInMin: 30,
          MinConsumedWatts: 271,
          MaxConsumedWatts: 489,
          AverageConsumedWatts: 319,
        },
        Status: { State: 'Enabled', Health: 'OK' },
      })),
      PowerSupplies: [{ MemberId: '0', LineInputVoltage: 120, LastPowerOutputWatts: 325 }],
    }),
  }
}
