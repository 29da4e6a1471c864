import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { type Ended, startLlem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { atNight } from '../setup/at-night.js'
import {
  type Bmc,
  type BmcOptions,
  chassis,
  environmentMetrics,
  PASSWORD,
  power,
  send,
  sensor,
  sensorCollection,
  startBmc,
  USER,
} from './redfish-double.js'

const LOGIN = { LLEM_REDFISH_USER: USER, LLEM_REDFISH_PASSWORD: PASSWORD }

const all: Bmc[] = []
afterAll(() => Promise.all(all.map((each) => each.close())))

async function bmc(options: BmcOptions): Promise<Bmc> {
  const started = await startBmc(options)
  all.push(started)
  return started
}

interface Said {
  ended: Ended
  hello: Record<string, unknown>
  lines: { t_ns: number; w?: number; j?: number }[]
}

/** Runs `llem meter redfish` until it ends by itself, or for so many readings. */
async function meter(
  url: string,
  { args = [], env = {}, readings }: { args?: string[]; env?: NodeJS.ProcessEnv; readings?: number } = {},
): Promise<Said> {
  const { child, ended } = startLlem(['meter', 'redfish', '--url', url, '--interval', '0.1', ...args], {
    env,
  })
  let seen = 0
  child.stdout?.on('data', (text: string) => {
    seen += text.split('\n').length - 1
    if (readings !== undefined && seen > readings) child.kill('SIGTERM')
  })
  const whole = await ended
  const [hello = {}, ...lines] = whole.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
  return { ended: whole, hello, lines }
}

const step = (everyMs: number, from = Date.now()) => Math.floor((Date.now() - from) / everyMs)
const modern = (content: () => Record<string, unknown>) => ({
  ...chassis({ '1U': ['EnvironmentMetrics', 'Sensors', 'Power'] }),
  ...environmentMetrics('1U', () => ({
    PowerWatts: { Reading: 374, DataSourceUri: '/redfish/v1/Chassis/1U/Sensors/TotalPower' },
  })),
  ...sensor('1U', 'TotalPower', content),
})

describe.concurrent('the power of a BMC', () => {
  it('is that of the sensor that EnvironmentMetrics names, one line for each ReadingTime', async () => {
    const began = Date.now()
    const { url } = await bmc({
      resources: modern(() => ({
        Reading: 300 + step(500, began),
        ReadingTime: new Date(began + 500 * step(500, began)).toISOString(),
        Accuracy: 0.2,
        ElectricalContext: 'Total',
      })),
    })
    const { ended, hello, lines } = await meter(url, { readings: 5 })
    expect(ended).toMatchObject({
      code: 0,
      stderr: 'llem meter redfish: reads sensor TotalPower of chassis 1U\n',
    })
    expect(hello).toEqual({ accuracy_pct: 0.2, prints_new_only: true })
    expect(lines.length).toBeGreaterThanOrEqual(3)
    const values = lines.map(({ w }) => w as number)
    expect(values).toEqual(values.map((_, at) => (values[0] as number) + at))
    // It was asked ten times a second and read twice a second.
    const spanMs = ((lines.at(-1)?.t_ns ?? 0) - (lines[0]?.t_ns ?? 0)) / 1e6
    expect(Math.abs(spanMs / (lines.length - 1) - 500)).toBeLessThan(120)
  })

  it('is that of EnvironmentMetrics where it names no sensor, which says nothing of what is new', async () => {
    const { url } = await bmc({
      resources: {
        ...chassis({ '1U': ['EnvironmentMetrics'] }),
        ...environmentMetrics('1U', () => ({ PowerWatts: { Reading: 374 }, EnergykWh: { Reading: 36166 } })),
      },
    })
    const { hello, lines, ended } = await meter(url, { readings: 1 })
    expect(hello).toEqual({ prints_new_only: false })
    expect(lines[0]).toMatchObject({ w: 374 })
    expect(ended.stderr).toContain('reads EnvironmentMetrics.PowerWatts')
  })

  it('is its counter where there is no power, in joules', async () => {
    const counters = { joules: { EnergyJoules: { Reading: 5e6 } }, kWh: { EnergykWh: { Reading: 2.5 } } }
    for (const [unit, content] of Object.entries(counters)) {
      const { url } = await bmc({
        resources: {
          ...chassis({ '1U': ['EnvironmentMetrics'] }),
          ...environmentMetrics('1U', () => content),
        },
      })
      const { lines } = await meter(url, { readings: 1 })
      expect(lines[0]?.j, unit).toBe(unit === 'joules' ? 5e6 : 9e6)
    }
  })

  atNight('is found in a collection of sensors in pages, past those that are null or of a part', async () => {
    const names = ['CPU1Power', 'fan0', 'fan1', 'PS1InputPower', 'total_power']
    const { url } = await bmc({
      resources: {
        ...chassis({ '1U': ['Sensors'] }),
        ...sensorCollection('1U', names, 2),
        ...sensor('1U', 'CPU1Power', () => ({ Reading: 90, PhysicalContext: 'CPU' })),
        ...sensor('1U', 'PS1InputPower', () => ({ Reading: null, PhysicalContext: 'PowerSupply' })),
        ...sensor('1U', 'total_power', () => ({ Reading: 512.5 })),
      },
    })
    expect((await meter(url, { readings: 1 })).lines[0]).toMatchObject({ w: 512.5 })
  })

  atNight('is that of the older Power where there is nothing else, of the first of its entries', async () => {
    const { url } = await bmc({
      resources: { ...chassis({ Self: [], '1': ['Power'] }), ...power('1', () => [344, 90]) },
    })
    const { lines, ended } = await meter(url, { readings: 1 })
    expect(lines[0]).toMatchObject({ w: 344 })
    expect(ended.stderr).toContain('PowerConsumedWatts')
  })

  it('is that of the machine, not of a GPU that comes before it', async () => {
    const parts = { HGX_GPU_SXM_1: 'Module', Oven_0: 'Component' }
    const { url } = await bmc({
      resources: {
        ...chassis({ HGX_GPU_SXM_1: ['Power'], Oven_0: ['Power'], System_0: ['Power'] }, parts),
        ...power('HGX_GPU_SXM_1', () => [700]),
        ...power('Oven_0', () => [70]),
        ...power('System_0', () => [9000]),
      },
    })
    const { lines, ended } = await meter(url, { readings: 1 })
    expect(lines[0]).toMatchObject({ w: 9000 })
    expect(ended.stderr).toContain('of chassis System_0')
    const named = await meter(url, { args: ['--chassis', 'HGX_GPU_SXM_1'], readings: 1 })
    expect(named.lines[0]).toMatchObject({ w: 700 })
  })

  it('is that of the chassis that was named', async () => {
    const { url } = await bmc({
      resources: {
        ...chassis({ a: ['Power'], b: ['Power'] }),
        ...power('a', () => [100]),
        ...power('b', () => [200]),
      },
    })
    expect((await meter(url, { args: ['--chassis', 'b'], readings: 1 })).lines[0]).toMatchObject({ w: 200 })
  })

  it('has no line while a reading is null or the sensor is off', async () => {
    let asked = 0
    const { url } = await bmc({
      resources: modern(() => {
        asked += 1
        if (asked >= 4 && asked < 8) return { Reading: null }
        return {
          Reading: 300,
          Status: { State: asked >= 8 && asked < 12 ? 'UnavailableOffline' : 'Enabled' },
        }
      }),
    })
    const { lines, ended } = await meter(url, { readings: 6 })
    expect(ended.code).toBe(0)
    expect(lines.every(({ w }) => w === 300)).toBe(true)
    const longest = Math.max(...lines.slice(1).map(({ t_ns }, at) => t_ns - (lines[at]?.t_ns ?? 0)))
    expect(longest / 1e6).toBeGreaterThan(600)
  })

  it('is stamped in the middle of a slow answer', async () => {
    const { url } = await bmc({
      resources: { ...chassis({ '1': ['Power'] }), ...power('1', () => [344]) },
      instead: async () => {
        await sleep(400)
        return false
      },
    })
    const { lines } = await meter(url, { readings: 2 })
    expect(lines.length).toBeGreaterThanOrEqual(2)
    const [first, second] = lines as [{ t_ns: number }, { t_ns: number }]
    expect((second.t_ns - first.t_ns) / 1e6).toBeGreaterThan(390)
  })
})

describe.concurrent('a BMC that shows no power', () => {
  atNight('is told with what was looked at', async () => {
    const { url } = await bmc({
      resources: {
        ...chassis({ '1U': ['EnvironmentMetrics', 'Power'], Fans: [] }),
        ...environmentMetrics('1U', () => ({ PowerWatts: { Reading: null } })),
        ...power('1U', () => [null]),
      },
    })
    const { ended } = await meter(url)
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(
      /The BMC shows no power: 1U: .*; |1U: .*Fans: .*--chassis.*\[REDFISH_NO_POWER\]/,
    )
  })

  it.each([
    ['a page of HTML', 'text/html', '<html><title>iLO</title></html>', 'no JSON object (text/html)'],
    ['an empty answer', 'application/json', '', 'no JSON object'],
    ['a list', 'application/json', '[1]', 'no JSON object'],
    ['half of an answer', 'application/json', '{"Members": [', 'no JSON object'],
  ])('%s is told', async (_, type, text, why) => {
    const { url } = await bmc({
      resources: {},
      instead: (_request, response) => {
        response.writeHead(200, { 'content-type': type }).end(text)
        return true
      },
    })
    const { ended } = await meter(url)
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain(why)
    expect(ended.stderr).toContain('[REDFISH_UNREACHABLE]')
  })

  atNight('is given up after ten failures in a row, not before', async () => {
    let asked = 0
    const { url } = await bmc({
      resources: { ...chassis({ '1': ['Power'] }), ...power('1', () => [344]) },
      instead: (request, response) => {
        if (!request.url?.endsWith('/Power')) return false
        asked += 1
        // It is found, and read once; later one answer in between begins the count anew.
        if (asked <= 2 || asked === 8) return false
        send(response, 503, { error: { message: 'busy' } })
        return true
      },
    })
    const { ended, lines } = await meter(url)
    expect(ended.code).toBe(1)
    expect(asked).toBe(18)
    expect(lines).toHaveLength(2)
    expect(ended.stderr).toMatch(/status 503, busy \(1 of 10 in a row\)/)
  })

  it('does not hold it up: an answer that does not come is a failure, and asked for again', async () => {
    let asked = 0
    const { url } = await bmc({
      resources: { ...chassis({ '1': ['Power'] }), ...power('1', () => [344]) },
      instead: async () => {
        asked += 1
        if (asked === 1) await new Promise(() => undefined)
        return false
      },
    })
    const { ended, lines } = await meter(url, { args: ['--timeout', '1'], readings: 1 })
    expect(ended).toMatchObject({ code: 0 })
    expect(ended.stderr).toContain('has not answered /redfish/v1/Chassis within 1 s (1 of 10 in a row)')
    expect(lines[0]).toMatchObject({ w: 344 })
  })

  it('has just begun: it is asked again when it says, and given up after ten', async () => {
    let busy = 2
    const times: number[] = []
    const { url } = await bmc({
      resources: { ...chassis({ '1': ['Power'] }), ...power('1', () => [344]) },
      instead: (_request, response) => {
        times.push(performance.now())
        if (busy-- <= 0) return false
        response.setHeader('retry-after', '1')
        send(response, 503, { error: { message: 'starting' } })
        return true
      },
    })
    const { ended, lines } = await meter(url, { readings: 1 })
    expect(lines[0]).toMatchObject({ w: 344 })
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950)
    expect(ended.stderr).toContain('starting (1 of 10 in a row; it is asked again in 1 s)')
    const dead = await bmc({
      resources: {},
      instead: (_request, response) => {
        send(response, 500, {})
        return true
      },
    })
    expect((await meter(dead.url)).ended.code).toBe(1)
    expect(dead.asked).toHaveLength(10)
  })

  it('has a ReadingTime that stands still: another value is a new reading, which is told once', async () => {
    const began = Date.now()
    const { url } = await bmc({
      resources: modern(() => ({ Reading: 300 + step(300, began), ReadingTime: '2020-01-01T00:00:00Z' })),
    })
    const { ended, lines } = await meter(url, { readings: 4 })
    expect(new Set(lines.map(({ w }) => w)).size).toBe(lines.length)
    expect(ended.stderr.match(/ReadingTime stands still at 2020-01-01T00:00:00Z/g)).toHaveLength(1)
    const timeless = await bmc({ resources: modern(() => ({ Reading: 300 + step(100, began) })) })
    expect((await meter(timeless.url, { readings: 4 })).ended.stderr).not.toContain('ReadingTime')
  })

  it('begins its answers with a mark of the order of bytes is read', async () => {
    const { url } = await bmc({
      resources: { ...chassis({ '1': ['Power'] }), ...power('1', () => [344]) },
      instead: (request, response) => {
        if (request.url !== '/redfish/v1/Chassis/1/Power') return false
        response.end(`\uFEFF${JSON.stringify({ PowerControl: [{ PowerConsumedWatts: 345 }] })}`)
        return true
      },
    })
    expect((await meter(url, { readings: 1 })).lines[0]).toMatchObject({ w: 345 })
  })
})

describe.concurrent('the login at a BMC', () => {
  const resources = { ...chassis({ '1': ['Power'] }), ...power('1', () => [344]) }

  it('is a session, which is closed at the end', async () => {
    const { url, asked, sessions } = await bmc({ resources, auth: 'login' })
    const { ended, lines } = await meter(url, { env: LOGIN, readings: 2 })
    expect(ended.code).toBe(0)
    expect(lines.length).toBeGreaterThan(1)
    expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(1)
    expect(asked.at(-1)).toMatchObject({ method: 'DELETE' })
    expect(sessions.size).toBe(0)
  })

  it.each([
    ['another host', { location: 'https://ilo.example/redfish/v1/SessionService/Sessions/7' }, null],
    ['the body alone', {}, '/redfish/v1/SessionService/Sessions/7'],
    ['nobody', {}, null],
  ])('is a session that %s names, which is closed here or told to stay', async (_, headers, id) => {
    const { url, asked } = await bmc({
      resources,
      instead: (request, response) => {
        if (request.method !== 'POST') return false
        response.writeHead(201, { 'x-auth-token': 'a-token-of-seven', ...headers })
        response.end(JSON.stringify(id === null ? {} : { '@odata.id': id }))
        return true
      },
    })
    const { ended } = await meter(url, { env: LOGIN, readings: 1 })
    const isClosed = id !== null || 'location' in headers
    expect(asked.filter(({ method }) => method === 'DELETE').map(({ path }) => path)).toEqual(
      isClosed ? ['/redfish/v1/SessionService/Sessions/7'] : [],
    )
    expect(ended.stderr.includes('the session at the BMC stays open')).toBe(!isClosed)
  })

  it('that is slow is waited for when it ends meanwhile, as its session would stay open', async () => {
    let isAsked = false
    const { url, sessions, asked } = await bmc({
      resources,
      auth: 'login',
      instead: async (request) => {
        if (request.method !== 'POST') return false
        isAsked = true
        await sleep(1500)
        return false
      },
    })
    const { child, ended } = startLlem(['meter', 'redfish', '--url', url], { env: LOGIN })
    while (!isAsked) await sleep(20)
    child.kill('SIGINT')
    const { stderr, code } = await ended
    expect(code).toBe(0)
    expect(stderr).toContain('waits for the answer to its login')
    expect(asked.at(-1)).toMatchObject({ method: 'DELETE' })
    expect(sessions.size).toBe(0)
  })

  it('is made anew where the session has ended', async () => {
    const { url, asked, sessions } = await bmc({ resources, auth: 'login' })
    const timer = setInterval(() => {
      if (asked.length === 6) sessions.clear()
    }, 5)
    const { ended, lines } = await meter(url, { env: LOGIN, readings: 8 })
    clearInterval(timer)
    expect(ended.code).toBe(0)
    expect(ended.stderr).not.toContain('in a row')
    expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(2)
    expect(lines.length).toBeGreaterThan(3)
    expect(sessions.size).toBe(0)
  })

  it('is sent each time with --no-session, and a token as it is', async () => {
    const { url, asked, sessions } = await bmc({ resources, auth: 'login' })
    expect((await meter(url, { env: LOGIN, args: ['--no-session'], readings: 1 })).lines[0]).toMatchObject({
      w: 344,
    })
    expect(asked.every(({ method }) => method === 'GET')).toBe(true)
    sessions.set('token-of-my-own', '/none')
    const env = { LLEM_REDFISH_TOKEN: 'token-of-my-own' }
    expect((await meter(url, { env, readings: 1 })).lines[0]).toMatchObject({ w: 344 })
    // It is not ours to end.
    expect(sessions.size).toBe(1)
  })

  atNight('that is wrong is one clear error, once, without the password', async () => {
    const { url, asked } = await bmc({ resources, auth: 'login' })
    const { ended } = await meter(url, { env: { ...LOGIN, LLEM_REDFISH_PASSWORD: 'not-the-password' } })
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(
      /^llem: The BMC at 127\.0\.0\.1:\d+ refuses .*: status 401, The user name or password is wrong\.+ Set LLEM_REDFISH_USER and LLEM_REDFISH_PASSWORD, or LLEM_REDFISH_TOKEN to those of a user who may log in\. \[REDFISH_REFUSED\]\n$/,
    )
    expect(ended.stderr).not.toContain('not-the-password')
    expect(asked).toHaveLength(1)
  })

  atNight('that is missing is told', async () => {
    const { url } = await bmc({ resources, auth: 'login' })
    expect((await meter(url)).ended.stderr).toMatch(/no login was sent\. Set LLEM_REDFISH_USER and/)
    const half = await meter(url, { env: { LLEM_REDFISH_USER: USER } })
    expect(half.ended).toMatchObject({ code: 2 })
    expect(half.ended.stderr).toContain('LLEM_REDFISH_PASSWORD is not set')
  })

  it('that cannot become a session says why', async () => {
    const { url } = await bmc({
      resources,
      auth: 'login',
      instead: (request, response) => {
        if (request.method !== 'POST') return false
        send(response, 503, { error: { message: 'The maximum number of user sessions is reached.' } })
        return true
      },
    })
    const { ended } = await meter(url, { env: LOGIN })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('The maximum number of user sessions is reached.')
    expect(ended.stderr).toContain('--no-session')
  })

  it('goes to no other origin, whatever redirects say', async () => {
    const other = await bmc({ resources })
    const { url } = await bmc({
      resources,
      auth: 'login',
      instead: (request, response) => {
        if (request.method !== 'GET') return false
        response.writeHead(307, { location: `${other.url}${request.url}` }).end()
        return true
      },
    })
    const { ended } = await meter(url, { env: LOGIN })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('which gets no login')
    expect(other.asked).toEqual([])
  })

  it('follows a redirect on the BMC itself', async () => {
    const { url } = await bmc({
      resources: { ...resources, '/redfish/v1/Chassis/': () => ({}) },
      auth: 'login',
      instead: (request, response) => {
        if (request.url !== '/redfish/v1/Chassis/1/Power') return false
        response.writeHead(308, { location: '/redfish/v1/Chassis/1/Power?moved' }).end()
        return true
      },
    })
    expect((await meter(url, { env: LOGIN, readings: 1 })).lines[0]).toMatchObject({ w: 344 })
  })

  it('is not in the address, and goes unencrypted to this machine alone', async () => {
    const inside = await meter(`https://${USER}:${PASSWORD}@192.0.2.1`)
    expect(inside.ended).toMatchObject({ code: 2 })
    expect(inside.ended.stderr).toMatch(/--url has a login in it.*\[REDFISH_INVALID\]/)
    expect(inside.ended.stderr).not.toContain(PASSWORD)
    const query = await meter(`https://192.0.2.1/?password=${PASSWORD}`)
    expect(query.ended).toMatchObject({ code: 2 })
    expect(query.ended.stderr).toMatch(/--url has a query in it.*\[REDFISH_INVALID\]/)
    expect(query.ended.stderr).not.toContain(PASSWORD)
    const open = await meter('http://192.0.2.1', { env: LOGIN })
    expect(open.ended).toMatchObject({ code: 2 })
    expect(open.ended.stderr).toContain('everybody on the way can read it. Use https')
  })
})

describe.concurrent('a BMC that signs its own certificate', () => {
  it('is refused, and taken with --ca or --insecure', async (context) => {
    const tls = ownCertificate()
    if (tls === null) return context.skip('there is no openssl')
    const resources = { ...chassis({ '1': ['Power'] }), ...power('1', () => [344]) }
    const { url, asked } = await bmc({ resources, auth: 'login', tls })
    const refused = await meter(url, { env: LOGIN })
    expect(refused.ended.code).toBe(1)
    expect(refused.ended.stderr).toMatch(/self-signed certificate.*--ca FILE, or add --insecure/)
    expect(asked).toEqual([])
    for (const args of [['--ca', tls.path], ['--insecure']])
      expect((await meter(url, { env: LOGIN, args, readings: 1 })).lines[0], args.join()).toMatchObject({
        w: 344,
      })
    const missing = await meter(url, { env: LOGIN, args: ['--ca', '/none.pem'] })
    expect(missing.ended).toMatchObject({ code: 2 })
  })
})

function ownCertificate() {
  const folder = scratchFolder()
  const [key, path] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', path]
  try {
    execFileSync('openssl', [...made, ...subject], { stdio: 'ignore' })
  } catch {
    return null
  }
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(path, 'utf8'), path }
}
