import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { startLlem } from '../native/llem.js'
import { gpu, scenarioFile, uuidOf } from '../native/scenario.js'
import { checked, startPrometheus, whyNoPrometheus } from './prometheus.js'

/** How long each of the two lives lasts; LLEM_TEST_LARGE=1 asks for the figures of three minutes. */
const LIFE_S = process.env.LLEM_TEST_LARGE === '1' ? 90 : 7
vi.setConfig({ testTimeout: 60_000 + 3000 * LIFE_S })

const DASHBOARD = readFileSync(new URL('../../examples/grafana-dashboard.json', import.meta.url), 'utf8')
const POWER_W = 300
const SCENARIO = scenarioFile([gpu(0, [{ for_s: 3600, w: POWER_W }], { name: 'A "quoted"\\ board' })])

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts llem there, and resolves once it answers. */
async function listening(port: number) {
  const started = startLlem(['monitor', '--simulate', SCENARIO, '--listen', `127.0.0.1:${port}`])
  const url = `http://127.0.0.1:${port}/metrics`
  for (let tries = 0; !(await fetch(url).catch(() => null))?.ok; tries += 1) {
    if (tries === 100) throw new Error('it does not listen')
    await sleep(100)
  }
  return { ...started, url }
}

const why = whyNoPrometheus()

describe.skipIf(why !== null)(`monitor --listen, scraped by a real Prometheus${why ?? ''}`, () => {
  it('is a page that its own checker has nothing against', async () => {
    const { child, ended, url } = await listening(await freePort())
    await sleep(2600)
    const answer = await fetch(url)
    const page = await answer.text()
    child.kill('SIGINT')
    expect(checked(page)).toBe('')
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const labels = `{gpu="0",uuid="${uuidOf(0)}",model="A \\"quoted\\"\\\\ board",scope="gpu"}`
    expect(page).toContain(`llem_gpu_power_watts${labels} 300\n`)
    expect(page).toContain(`llem_gpu_energy_joules_total${labels} `)
    expect(page).toMatch(/^llem_info\{.*simulated="true"\} 1$/m)
    expect((await ended).code).toBe(0)
  })

  it('knows every metric of the dashboard', async () => {
    const { child, url } = await listening(await freePort())
    await sleep(2600)
    const page = await (await fetch(url)).text()
    child.kill('SIGINT')
    const served = new Set([...page.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name))
    const named = [...DASHBOARD.matchAll(/\bllem_\w+/g)].map(([name]) => name)
    // Without RAPL and without anything to find there are no such lines.
    const absent = ['llem_cpu_energy_joules_total', 'llem_finding_windows_total']
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !served.has(name) && !absent.includes(name))).toEqual([])
  })

  it('gives the joules of both lives of a llem that was killed', async () => {
    const port = await freePort()
    const first = await listening(port)
    const prometheus = await startPrometheus(`127.0.0.1:${port}`, await freePort())
    try {
      await sleep(LIFE_S * 1000)
      first.child.kill('SIGKILL')
      await first.ended
      const second = await listening(port)
      await sleep(LIFE_S * 1000)
      const increase = (name: string) =>
        prometheus.ask(`increase(llem_gpu_${name}_total[${2 * LIFE_S + 60}s])`)
      const [joules, seconds] = [await increase('energy_joules'), await increase('measured_seconds')]
      second.child.kill('SIGINT')
      await second.ended
      for (const { targets } of JSON.parse(DASHBOARD).panels as { targets: { expr: string }[] }[])
        for (const { expr } of targets) await prometheus.ask(expr.replaceAll(/\$__\w+/g, '1m'))
      console.log(`increase(): ${joules.toFixed(1)} J in ${seconds.toFixed(2)} s measured`)
      // Both lives count, and not the time between them.
      expect(seconds).toBeGreaterThan(0.8 * LIFE_S)
      expect(seconds).toBeLessThan(2.3 * LIFE_S + 3)
      expect(Math.abs(joules / seconds / POWER_W - 1)).toBeLessThan(0.01)
    } finally {
      await prometheus.stop()
    }
  })
})
