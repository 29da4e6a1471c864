// A real Prometheus, of Debian, taken out of its package: installed it would start a service.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { scratchFolder } from '../native/scenario.js'

const PLACE = join(process.env.LLEM_TEST_DATA_DIR ?? tmpdir(), 'prometheus')
const PROGRAMS = join(PLACE, 'usr/bin')

/** Why there is none here, null where there is. */
export function whyNoPrometheus(): string | null {
  if (existsSync(join(PROGRAMS, 'prometheus'))) return null
  try {
    mkdirSync(PLACE, { recursive: true })
    const run = (program: string, ...args: string[]) =>
      execFileSync(program, args, { cwd: PLACE, stdio: ['ignore', 'ignore', 'pipe'], timeout: 120_000 })
    try {
      run('apt-get', 'download', 'prometheus')
    } catch {
      // The lists of what there is may be missing or old.
      run('apt-get', 'update')
      run('apt-get', 'download', 'prometheus')
    }
    const packaged = readdirSync(PLACE).find((name) => name.endsWith('.deb')) ?? ''
    run('dpkg-deb', '-x', packaged, '.')
    // Its web pages hold links that lead nowhere without its other packages, at which checks of files stumble.
    rmSync(join(PLACE, 'usr/share'), { recursive: true })
    return null
  } catch (error) {
    return `no Prometheus could be had from Debian's archive: ${String(error).slice(0, 300)}`
  }
}

/** What Prometheus' own checker says of a page; empty is that it has nothing against it. */
export function checked(page: string): string {
  return execFileSync(join(PROGRAMS, 'promtool'), ['check', 'metrics'], { input: page, encoding: 'utf8' })
}

export interface Prometheus {
  /** The value of a query that has one; NaN where it has none. Throws where it is no query. */
  ask(query: string): Promise<number>
  stop(): Promise<void>
}

/** Starts one that scrapes a target twice a second. */
export async function startPrometheus(target: string, port: number): Promise<Prometheus> {
  const folder = scratchFolder()
  const config = join(folder, 'prometheus.yml')
  const job = { job_name: 'llem', static_configs: [{ targets: [target] }] }
  // YAML is a superset of JSON.
  writeFileSync(config, JSON.stringify({ global: { scrape_interval: '500ms' }, scrape_configs: [job] }))
  const child = spawn(
    join(PROGRAMS, 'prometheus'),
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; !(await fetch(`${url}/-/ready`).catch(() => null))?.ok; tries += 1) {
    if (tries === 150) throw new Error('Prometheus does not become ready')
    await sleep(200)
  }
  return {
    async ask(query) {
      const answer = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query })}`)
      const told = (await answer.json()) as {
        error?: string
        data?: { result: { value: [number, string] }[] }
      }
      if (told.error !== undefined) throw new Error(`${query}: ${told.error}`)
      return Number(told.data?.result[0]?.value[1])
    },
    async stop() {
      child.kill()
      await ended
    },
  }
}
