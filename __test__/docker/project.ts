// A campaign beside a compose file, in a folder of its own, on a real engine.
//
// The services' image is made from scratch and holds nothing but folders: programs and interpreters are this machine's
// own, mounted where they are here, and so the real worker of the pytorch backend runs in a container as well as the real
// llama-server.

import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Manifest } from '../../dist/campaign/manifest.js'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { type Ended, startLlem } from '../native/llem.js'

const run = promisify(execFile)

/** Makes the image of all services; answers its name. */
export async function emptyImage(env: NodeJS.ProcessEnv): Promise<string> {
  const root = scratchFolder()
  for (const folder of ['usr', 'proc', 'sys', 'dev', 'etc', 'tmp', 'run', 'root', 'var'])
    mkdirSync(join(root, folder))
  for (const link of ['bin', 'sbin', 'lib', 'lib64'])
    if (existsSync(`/usr/${link}`)) symlinkSync(`usr/${link}`, join(root, link))
  const name = `llem-test-${process.pid}`
  await run('sh', ['-c', 'tar -C "$1" -c . | docker import - "$2"', 'sh', root, name], {
    env: { ...process.env, ...env },
  })
  return name
}

export interface Project {
  dir: string
  env: NodeJS.ProcessEnv
  start(...args: string[]): ReturnType<typeof startLlem>
  run(...args: string[]): Promise<Ended>
  /** The one campaign's folder. */
  campaignDir(): string
  manifest(): Manifest
  results(): ExperimentResult[]
  compose(...args: string[]): Promise<string>
  docker(...args: string[]): Promise<string>
  /** The container of a service: null where there is none that runs. */
  container(service: string): Promise<{ id: string; startedAt: string; pid: number } | null>
  /** The command lines in a service's container, but for the one that keeps it up. */
  processes(service: string): Promise<{ pid: number; command: string }[]>
  end(): Promise<void>
}

let projects = 0

/** `compose`: how Compose is spelled; `env`: what programs need to reach the engine. */
export function projectOf(
  { campaign, services }: { campaign: string; services: string },
  { spelling, env }: { spelling: readonly string[]; env: NodeJS.ProcessEnv },
): Project {
  const dir = scratchFolder()
  const own = {
    ...env,
    COMPOSE_PROJECT_NAME: `llemtest${process.pid}n${projects++}`,
    XDG_DATA_HOME: join(dir, 'data'),
    XDG_CACHE_HOME: join(dir, 'cache'),
  }
  writeFileSync(join(dir, 'campaign.yaml'), `${campaign}\nio: { results_dir: ${join(dir, 'results')} }\n`)
  writeFileSync(join(dir, 'compose.yaml'), services)
  const all = { ...process.env, ...own }
  const command = async (program: string, args: string[]) =>
    (await run(program, args, { env: all, cwd: dir, maxBuffer: 1 << 26 })).stdout
  const [program = '', ...before] = spelling
  const compose = (...args: string[]) =>
    command(program, [...before, '-f', join(dir, 'compose.yaml'), ...args])
  const start = (...args: string[]) =>
    startLlem(['campaign', join(dir, 'campaign.yaml'), '--simulate', '--yes', ...args], {
      env: own,
      cwd: dir,
    })
  const campaignDir = () => {
    const [name = 'none'] = readdirSync(join(dir, 'results'))
    return join(dir, 'results', name)
  }
  const container = async (service: string) => {
    // Not by Compose, which takes up to a second for each answer.
    const filter = (label: string, value: string) => [
      '--filter',
      `label=com.docker.compose.${label}=${value}`,
    ]
    const of = [...filter('project', own.COMPOSE_PROJECT_NAME), ...filter('service', service)]
    const id = (await command('docker', ['ps', '--quiet', '--no-trunc', ...of])).trim()
    if (id === '') return null
    const format = '{{.State.Running}} {{.State.StartedAt}} {{.State.Pid}}'
    const [running, startedAt = '', pid] = (await command('docker', ['inspect', '-f', format, id]))
      .trim()
      .split(' ')
    return running === 'true' ? { id, startedAt, pid: Number(pid) } : null
  }
  return {
    dir,
    env: own,
    start,
    run: (...args) => start(...args).ended,
    campaignDir,
    manifest: () => JSON.parse(readFileSync(join(campaignDir(), 'manifest.json'), 'utf8')),
    results: () => resultFiles(campaignDir()).map((path) => JSON.parse(readFileSync(path, 'utf8'))),
    compose,
    docker: (...args) => command('docker', args),
    container,
    async processes(service) {
      const found = await container(service)
      if (found === null) return []
      const lines = (await command('docker', ['top', found.id, '-eo', 'pid,args']))
        .trim()
        .split('\n')
        .slice(1)
      return lines
        .map((line) => {
          const [, pid = '', text = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? []
          return { pid: Number(pid), command: text }
        })
        .filter(({ pid, command: text }) => pid !== found.pid && !/sleep infinity/.test(text))
    },
    async end() {
      await compose('down', '-t', '0').catch(() => undefined)
    },
  }
}

function resultFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return resultFiles(path)
    return entry.name === 'result.json' ? [path] : []
  })
}

/** The folders that programs of this machine need in a container. */
export function mountsFor(python: string, ...paths: string[]): string[] {
  const { stdout } = spawnSync(python, ['-c', 'import sys; print(sys.base_prefix); print(sys.prefix)'], {
    encoding: 'utf8',
  })
  const prefixes = stdout.trim().split('\n')
  const folders = ['/usr', ...prefixes, ...paths].filter(
    (path) => path === '/usr' || !path.startsWith('/usr/'),
  )
  return [...new Set(folders)].map((path) => `${path}:${path}:ro`)
}

/** The command lines of all processes of this machine that are to be seen. */
export function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')]
      } catch {
        return []
      }
    })
}

/** Whether a text is in any file below a folder. */
export function isWrittenIn(folder: string, text: string): boolean {
  return spawnSync('grep', ['-rqF', '--', text, folder]).status === 0
}
