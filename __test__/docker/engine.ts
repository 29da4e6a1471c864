// A real Docker engine for the tests: one that answers, or one of their own, started by hand with everything it writes in
// a scratch folder. That takes root, and a second.

import { execFile, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { within } from '../backends/processes.js'

const run = promisify(execFile)
const cached = fileURLToPath(new URL('../../.cache/test/compose-plugin', import.meta.url))

export interface Engine {
  /** What programs need in their environment to reach it. */
  env: NodeJS.ProcessEnv
  stop(): Promise<void>
}

/** An engine, or why there can be none here. */
export async function startEngine(): Promise<
  { engine: Engine; reason: null } | { engine: null; reason: string }
> {
  if (await answers('docker', ['info'])) return { engine: { env: {}, stop: async () => {} }, reason: null }
  if (process.getuid?.() !== 0)
    return { engine: null, reason: 'no Docker engine answers, and only root can start one' }
  if (!(await answers('dockerd', ['--version'])))
    return { engine: null, reason: 'dockerd is missing (scripts/setup-debian.sh)' }
  return startOwn()
}

async function startOwn(): Promise<{ engine: Engine; reason: null } | { engine: null; reason: string }> {
  // Short, because a socket's path may have 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), 'llem-dk-'))
  const socket = join(folder, 'sock')
  const env = { DOCKER_HOST: `unix://${socket}` }
  const child = spawn(
    'dockerd',
    [
      ...[
        '--host',
        env.DOCKER_HOST,
        '--data-root',
        join(folder, 'data'),
        '--exec-root',
        join(folder, 'exec'),
      ],
      ...['--pidfile', join(folder, 'pid')],
      // Nothing of this machine's network is touched: containers are reached from here, and reach nothing.
      ...['--bridge', 'none', '--iptables=false', '--ip-masq=false', '--ip-forward=false'],
    ],
    { stdio: 'ignore', detached: true },
  )
  const stop = async () => {
    // The bridges of networks outlive the engine.
    const clear = 'docker rm -f $(docker ps -aq); docker network prune -f'
    await run('sh', ['-c', clear], { env: { ...process.env, ...env }, timeout: 30_000 }).catch(
      () => undefined,
    )
    child.kill('SIGTERM')
    await within(15_000, () => child.exitCode !== null || child.signalCode !== null)
    rmSync(folder, { recursive: true, force: true })
  }
  for (let tries = 0; tries < 150 && child.exitCode === null; tries += 1) {
    if (await answers('docker', ['info'], env)) return { engine: { env, stop }, reason: null }
    await sleep(200)
  }
  await stop()
  return { engine: null, reason: 'dockerd does not start here' }
}

/** The two ways in which Compose may be called. */
export const SPELLINGS = ['docker compose', 'docker-compose'] as const
export type Spelling = (typeof SPELLINGS)[number]

/** An environment in which Compose has one spelling and no other, or why that cannot be. */
export async function spelled(
  spelling: Spelling,
  engine: Engine,
  folder: string,
): Promise<{ env: NodeJS.ProcessEnv; reason: null } | { env: null; reason: string }> {
  const has = { plugin: await answers('docker', ['compose', 'version'], engine.env) }
  const config = join(folder, 'docker-config')
  mkdirSync(join(config, 'cli-plugins'), { recursive: true })
  if (spelling === 'docker compose') {
    if (has.plugin) return { env: engine.env, reason: null }
    const plugin = await composePlugin()
    if (plugin === null) return { env: null, reason: 'Compose 2 can be had neither here nor from Debian' }
    symlinkSync(plugin, join(config, 'cli-plugins/docker-compose'))
    return { env: { ...engine.env, DOCKER_CONFIG: config }, reason: null }
  }
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  if (!(await answers('docker-compose', ['version']))) {
    // The plugin is the same program by itself.
    const plugin = (await composePlugin()) ?? installedPlugin()
    if (plugin === null) return { env: null, reason: 'docker-compose is missing (scripts/setup-debian.sh)' }
    symlinkSync(plugin, join(bin, 'docker-compose'))
  }
  const { stdout: docker } = await run('which', ['docker'])
  writeFileSync(
    join(bin, 'docker'),
    `#!/bin/sh\n[ "$1" = compose ] && exit 125\nexec '${docker.trim()}' "$@"\n`,
  )
  chmodSync(join(bin, 'docker'), 0o755)
  return { env: { ...engine.env, PATH: `${bin}:${process.env.PATH}` }, reason: null }
}

function installedPlugin(): string | null {
  const folders = ['/usr/libexec', '/usr/lib', '/usr/local/libexec', '/usr/local/lib']
  const paths = folders.map((folder) => `${folder}/docker/cli-plugins/docker-compose`)
  return paths.find((path) => existsSync(path)) ?? null
}

/**
 * Compose 2 from Debian 13, from the very server that this machine's apt uses and checked by its signatures; Debian 12
 * has 1.29 alone. Null where that cannot be had.
 */
async function composePlugin(): Promise<string | null> {
  const path = join(cached, 'docker-compose')
  if (existsSync(path)) return path
  const folder = mkdtempSync(join(tmpdir(), 'llem-apt-'))
  try {
    const source = debianSource()
    if (source === null) return null
    mkdirSync(join(folder, 'lists/partial'), { recursive: true })
    mkdirSync(join(folder, 'cache/archives/partial'), { recursive: true })
    writeFileSync(join(folder, 'sources.list'), source)
    const options = [
      ...['-o', `Dir::Etc::sourcelist=${folder}/sources.list`, '-o', 'Dir::Etc::sourceparts=-'],
      ...['-o', `Dir::State::lists=${folder}/lists`, '-o', `Dir::Cache=${folder}/cache`],
    ]
    await run('apt-get', [...options, 'update'], { cwd: folder })
    await run('apt-get', [...options, 'download', 'docker-compose'], { cwd: folder })
    const { stdout } = await run(
      'sh',
      ['-c', 'dpkg -x docker-compose_*.deb out && find out -name docker-compose -type f'],
      {
        cwd: folder,
      },
    )
    mkdirSync(cached, { recursive: true })
    const [found = ''] = stdout.split('\n').filter((line) => line.includes('cli-plugins'))
    await run('cp', [join(folder, found), `${path}.partial`])
    renameSync(`${path}.partial`, path)
    return path
  } catch {
    return null
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Debian 13 as apt has it here, with its signatures; null where there is none. */
export function debianSource(): string | null {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  const files = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']
  for (const file of files.filter((name) => existsSync(name) && existsSync(keyring))) {
    const [, uri] =
      /^(?:URIs:|deb(?:\s+\[.*?\])?)\s+(\S*\/debian(?:\/\S*)?)(?:\s|$)/m.exec(readFileSync(file, 'utf8')) ??
      []
    if (uri !== undefined) return `deb [signed-by=${keyring}] ${uri} trixie main\n`
  }
  return null
}

async function answers(program: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  return run(program, args, { env: { ...process.env, ...env }, timeout: 20_000 }).then(
    () => true,
    () => false,
  )
}
