// Canaries in every field, argument, variable and answer of a server; then every byte that llem wrote or showed is searched
// for them, and the command line of every process that it started.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { within } from '../backends/processes.js'
import { atNight, byDay } from '../setup/at-night.js'
import { awkwardCanary, canary, leaks, newPlace, type Place, watched } from './canaries.js'
import { canariesIn } from './search.js'

vi.setConfig({ testTimeout: 120_000 })

const SERVER = fileURLToPath(new URL('./telltale-server.mjs', import.meta.url))

const secrets = {
  apiKey: canary('sk-'),
  // Named by api_key_env alone: nothing else about it says that it is a secret.
  namedKey: canary('named'),
  hubToken: canary('hf_'),
  cloudKey: `${awkwardCanary()}é`,
  proxyPassword: canary('proxy'),
  serverPassword: awkwardCanary(),
  serverBearer: canary('bearer'),
  serverAddress: canary('url'),
  serverLine: canary('line'),
  gridToken: awkwardCanary(),
  optionKey: canary('option'),
  bodyKey: canary('body'),
  nameToken: canary('ghp_'),
  userPassword: canary('user'),
  addressToken: canary('address'),
  headerToken: canary('header'),
  shellPassword: canary('shell'),
}

const ENV = {
  HF_TOKEN: secrets.hubToken,
  AWS_SECRET_ACCESS_KEY: secrets.cloudKey,
  MY_CREDIT: secrets.namedKey,
  OPENAI_API_KEY: secrets.apiKey,
  CORPORATE_PROXY: `http://me:${secrets.proxyPassword}@127.0.0.1:9`,
}

/** The group `server`, with canaries wherever it takes text. */
function serverGroup(mode: string): Record<string, unknown> {
  return {
    command: [
      ...[process.execPath, SERVER, mode, '--port', '{port}', '--api-key', secrets.optionKey],
      ...['--model', '{model}'],
    ],
    api_key_env: 'MY_CREDIT',
    env: {
      SERVICE_PASSWORD: secrets.serverPassword,
      EXTRA_HEADER: `Bearer ${secrets.serverBearer}`,
      UPSTREAM: `https://${secrets.serverAddress}@example.org/x`,
      SIGNING_KEY: `-----BEGIN-----\n${secrets.serverLine}\n-----END-----`,
      SHORT_TOKEN: 'x7',
    },
    extra_body: { api_key: secrets.bodyKey, nested: { password: secrets.bodyKey } },
  }
}

const QUICK = {
  backend: 'server',
  model: 'fake',
  n_prompts: 3,
  generation: { max_tokens: 4 },
  baseline: { enabled: false },
  warmup: { enabled: false },
}

function experiment(mode: string, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    ...QUICK,
    experiment_name: `of ${secrets.nameToken}`,
    server: serverGroup(mode),
    ...more,
  })
}

function written(place: Place, name: string, text: string): string {
  writeFileSync(join(place.written, name), text)
  return join(place.written, name)
}

async function runOf(mode: string, more: Record<string, unknown> = {}, ...args: string[]) {
  const place = newPlace(ENV)
  const path = written(place, 'experiment.yaml', experiment(mode, more))
  const ended = await watched(['run', path, '--simulate', '-v', '-o', place.results, ...args], place)
  return { ended, place }
}

it('a canary is found in each of its forms', () => {
  const text = secrets.serverPassword
  for (const hidden of [
    text,
    encodeURIComponent(text),
    JSON.stringify(text),
    Buffer.from(`user:${text}.`).toString('base64'),
    Buffer.from(`ab${text}`).toString('base64'),
  ])
    expect(canariesIn(Buffer.from(`before ${hidden} after`), { text })).not.toEqual([])
  expect(canariesIn(Buffer.from('nothing'), secrets)).toEqual([])
})

describe.concurrent('llem run', () => {
  it('that succeeds leaves none', async () => {
    const { ended, place } = await runOf('good')
    expect(ended.stderr).toContain('[redacted]')
    expect(ended.code).toBe(0)
    expect(leaks(ended, place, secrets)).toEqual([])
  })

  it.each(
    byDay(2, [
      ['error-body', 'REQUESTS_FAILED'],
      ['plain-body', 'REQUESTS_FAILED'],
      ['error-event', 'REQUESTS_FAILED'],
      ['nonsense-event', 'REQUESTS_FAILED'],
      ['dies', 'SERVER_DIED'],
    ] as const),
  )('that fails leaves none: %s', async (mode, code) => {
    const { ended, place } = await runOf(mode)
    expect(ended.stderr).toContain(`[${code}]`)
    expect(ended.code).toBe(1)
    expect(leaks(ended, place, secrets)).toEqual([])
  })

  atNight('whose requests fail in part leaves none', async () => {
    const { ended, place } = await runOf('error-body', { load: { max_failed_share: 1 } }, '--json')
    expect(leaks(ended, place, secrets)).toEqual([])
  })

  atNight('that is interrupted leaves none', async () => {
    const place = newPlace(ENV)
    const path = written(place, 'experiment.yaml', experiment('hangs'))
    const ended = await watched(
      ['run', path, '--simulate', '-v', '-o', place.results],
      place,
      async (child, says) => {
        await says('POST /v1/completions')
        child.kill('SIGINT')
      },
    )
    expect(ended.code).toBe(130)
    expect(leaks(ended, place, secrets)).toEqual([])
  })

  it.each([[['--dry-run']], [['--dry-run', '--json']]])(
    'that is only looked at shows none: %s',
    async (args) => {
      const { ended, place } = await runOf('good', {}, ...args)
      expect(ended.code).toBe(0)
      expect(ended.stdout).not.toContain('x7')
      expect(leaks(ended, place, secrets)).toEqual([])
    },
  )

  it('whose configuration is refused shows none', async () => {
    const { ended, place } = await runOf('good', {
      n_prompts: `Bearer ${secrets.serverBearer}`,
      backend: secrets.bodyKey,
      prompts: { token: secrets.optionKey },
    })
    expect(ended.code).toBe(2)
    expect(leaks(ended, place, secrets)).toEqual([])
  })
})

describe.concurrent('llem exec', () => {
  const args = (command: string) => [
    ...['sh', '-c', command, 'sh', '-u', `me:${secrets.userPassword}`, `-ume:${secrets.userPassword}`],
    ...['-H', `Authorization: Bearer ${secrets.headerToken}`, `--token=${secrets.optionKey}`],
    ...[`https://${secrets.addressToken}@example.org/x`, secrets.hubToken, `${secrets.nameToken}`],
    `curl --user me:${secrets.shellPassword} https://example.org`,
  ]
  const exec = async (
    place: Place,
    command: readonly string[],
    meanwhile?: Parameters<typeof watched>[2],
  ) => {
    const ended = await watched(
      ['exec', '--simulate', '--json', '-o', place.results, '--', ...command],
      place,
      meanwhile,
    )
    // The command itself has what it was given.
    const commandLines = new Set([...ended.commandLines].filter((line) => !line.startsWith(`${command[0]} `)))
    return leaks({ ...ended, commandLines }, place, secrets)
  }

  it.each([
    ['succeeds', args('exit 0')],
    ['fails', args('exit 7')],
    ['cannot start', [`/nowhere/${secrets.nameToken}`, ...args('')]],
  ])('of a command that %s leaves none', async (_, command) => {
    expect(await exec(newPlace(ENV), command)).toEqual([])
  })

  it('of a command that is interrupted leaves none', async () => {
    const place = newPlace(ENV)
    const found = await exec(place, args('echo begun >&2; exec sleep 30'), async (child, says) => {
      await says('begun')
      child.kill('SIGTERM')
    })
    expect(found).toEqual([])
  })
})

describe.concurrent('llem campaign', () => {
  const logsBelow = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('run.log'))
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('')

  const campaign = (place: Place, modes: readonly string[]) => {
    const commands = modes.map((mode) => serverGroup(mode).command)
    return written(
      place,
      'campaign.yaml',
      JSON.stringify({
        ...QUICK,
        campaign_name: `after ${secrets.nameToken}`,
        server: serverGroup('good'),
        grid: { shared: { 'server.command': commands, 'server.env.GRID_TOKEN': [secrets.gridToken] } },
        execution: { cycles: 1, config_gap_seconds: 0, cycle_gap_seconds: 0 },
        io: { results_dir: place.results },
      }),
    )
  }

  it('with success and failure leaves none, nor does what looks at it', async () => {
    const place = newPlace(ENV)
    const path = campaign(place, ['good', 'error-body', 'dies'])
    const common = ['--simulate', '--yes', '-v']
    const looked = await watched(['campaign', path, '--dry-run', '--json'], place)
    expect(JSON.parse(looked.stdout).experiments).toHaveLength(3)
    const ended = await watched(['campaign', path, ...common], place)
    expect(`${ended.stdout}${ended.stderr}`).toContain('REQUESTS_FAILED')
    expect(logsBelow(place.results)).toContain('HF_TOKEN=[redacted]')
    const again = await watched(['campaign', path, ...common, '--resume'], place)
    const exported = await watched(['export', place.results], place)
    expect(exported.stdout).toContain('fake')
    for (const each of [looked, ended, again, exported]) expect(leaks(each, place, secrets)).toEqual([])
  })

  atNight('that is interrupted leaves none', async () => {
    const place = newPlace(ENV)
    const path = campaign(place, ['hangs'])
    const ended = await watched(['campaign', path, '--simulate', '--yes', '-v'], place, async (child) => {
      const isAsked = () => logsBelow(place.results).includes('POST /v1/completions')
      if (!(await within(60_000, isAsked))) throw new Error('the server was not asked')
      child.kill('SIGTERM')
    })
    expect(ended.code).toBe(130)
    expect(leaks(ended, place, secrets)).toEqual([])
  })
})

describe('the datasets server', () => {
  const open: Server[] = []
  afterEach(() => {
    for (const server of open.splice(0)) server.close()
  })

  async function listening(
    answer: (request: IncomingMessage) => { status: number; [name: string]: unknown },
  ) {
    const seen: (string | undefined)[] = []
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization)
      const { status, location, ...body } = answer(request)
      response.writeHead(status, {
        ...(location === undefined ? {} : { location: String(location) }),
        'x-revision': String(request.headers.authorization),
      })
      response.end(JSON.stringify(body).replaceAll('hf_', '\\u0068f_'))
    })
    open.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
  }

  const rows = (request: IncomingMessage) =>
    request.url?.startsWith('/splits')
      ? { status: 200, splits: [{ config: 'default', split: 'train' }] }
      : {
          status: 200,
          features: [{ name: 'text', type: { dtype: 'string', _type: 'Value' } }],
          rows: [0, 1, 2, 3].map((row) => ({
            row: { text: `prompt ${row}: ${JSON.stringify(request.headers)}` },
          })),
          num_rows_total: 4,
        }

  it('may repeat the token in its rows, which are kept without it', async () => {
    const { address, seen } = await listening(rows)
    const place = newPlace({ ...ENV, LLEM_DATASETS_SERVER: address })
    const path = written(place, 'experiment.yaml', experiment('good', { prompts: 'hf:owner/name' }))
    const ended = await watched(['run', path, '--simulate', '-o', place.results], place)
    expect(ended.stderr).not.toContain('llem:')
    expect(seen).toContain(`Bearer ${secrets.hubToken}`)
    expect(leaks(ended, place, secrets)).toEqual([])
  })

  it('may repeat it in an error, and loses it where it leads to another origin', async () => {
    const other = await listening((request) => ({
      status: 404,
      error: `no: ${request.headers.authorization}`,
    }))
    const same = await listening((request) =>
      request.url?.startsWith('/splits')
        ? { status: 302, location: '/here' }
        : { status: 307, location: `${other.address}/splits` },
    )
    const place = newPlace({ ...ENV, LLEM_DATASETS_SERVER: same.address })
    const path = written(place, 'experiment.yaml', experiment('good', { prompts: 'hf:owner/name' }))
    const ended = await watched(['run', path, '--simulate', '-o', place.results], place)
    expect(ended.stderr).toContain('[DATASET_NOT_FOUND]')
    expect(same.seen).toEqual([`Bearer ${secrets.hubToken}`, `Bearer ${secrets.hubToken}`])
    expect(other.seen).toEqual([undefined])
    expect(leaks(ended, place, secrets)).toEqual([])
  })
})

describe('a key', () => {
  it('of OPENAI_API_KEY goes to nobody unasked, and one that is named goes nowhere unencrypted', async () => {
    const attached = { base_url: 'http://gpu-box.example:8000' }
    const { ended } = await runOf('good', { server: { ...attached, api_key_env: 'MY_CREDIT' } })
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('`server.api_key_hosts: [gpu-box.example]`')
  })
})

it('a server that lists 50,000 models with escape codes is told in few words and without them', async () => {
  const title = '\u001b]0;owned\u0007\u009b31m'
  const server = createServer((request, response) => {
    const data = Array.from({ length: 50_000 }, (_, index) => ({ id: `${title}model-${index}` }))
    response.end(request.url === '/v1/models' ? JSON.stringify({ data }) : '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { ended } = await runOf('good', { server: { base_url } })
  server.close()
  expect(ended.stderr).toContain('\\u{1b}]0;owned\\u{7}\\u{9b}31mmodel-0, ')
  expect(ended.stderr).toContain('and 49990 more')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is they that must not be there
  expect(ended.stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
  expect(ended.stderr.length).toBeLessThan(5000)
})
