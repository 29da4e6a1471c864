import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { scratchFolder } from '../native/scenario.js'

const PULSES = fileURLToPath(new URL('../../python/pulses.py', import.meta.url))

/** What the load uses of PyTorch, on a GPU that multiplies in no time. */
const TORCH = `
bfloat16 = None
class Matrix:
    def __truediv__(self, _number):
        return self
class cuda:
    is_available = staticmethod(lambda: AVAILABLE)
    get_device_capability = staticmethod(lambda: (9, 0))
    synchronize = staticmethod(lambda: None)
def randn(*_shape, **_options):
    return Matrix()
empty_like = matmul = lambda *_matrices, **_options: Matrix()
`

/** The environment of a Python that has such a PyTorch. */
function withTorch(available: 'True' | 'False'): NodeJS.ProcessEnv {
  const folder = join(scratchFolder(), 'torch')
  mkdirSync(folder)
  writeFileSync(join(folder, '__init__.py'), TORCH.replace('AVAILABLE', available))
  return { ...process.env, PYTHONPATH: join(folder, '..'), PYTHONDONTWRITEBYTECODE: '1' }
}

it("llem's own load works for half of each period, each period in turn, until its stdin is closed", async (context) => {
  if (spawnSync('python3', ['--version']).status !== 0) return context.skip('there is no python3')
  const args = [PULSES, '--for-s', '0.6', '--period-ms', '40', '--period-ms', '60']
  const child = spawn('python3', args, { env: withTorch('True'), stdio: ['pipe', 'pipe', 'inherit'] })
  let told = ''
  child.stdout.on('data', (chunk) => {
    told += chunk
  })
  await once(child.stdout, 'data')
  await sleep(1150)
  child.stdin.end()
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)

  const edges: { t_ns: number; on: boolean }[] = told
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(edges.map(({ on }) => on)).toEqual(edges.map((_, position) => position % 2 === 0))
  const starts = edges.filter(({ on }) => on).map(({ t_ns }) => t_ns / 1e6)
  const nearest = (periodMs: number) =>
    starts.slice(1).filter((ms, k) => Math.abs(ms - Number(starts[k]) - periodMs) < 5).length
  // Fifteen of 40 ms and nine of 60 ms, on a machine that may have other things to do now and then.
  expect(nearest(40)).toBeGreaterThan(9)
  expect(nearest(60)).toBeGreaterThan(5)
  const ends = edges.filter(({ on }) => !on).map(({ t_ns }) => t_ns / 1e6)
  const worksMs = ends.map((ms, k) => ms - Number(starts[k])).sort((a, b) => a - b)
  expect(worksMs[worksMs.length >> 2]).toBeCloseTo(20, -1)
})

it("llem's own load says why it cannot work", (context) => {
  if (spawnSync('python3', ['--version']).status !== 0) return context.skip('there is no python3')
  const { status, stdout } = spawnSync('python3', [PULSES, '--period-ms', '40'], {
    env: withTorch('False'),
    encoding: 'utf8',
  })
  expect(status).toBe(1)
  expect(JSON.parse(stdout)).toEqual({ unavailable: 'PyTorch sees no CUDA device' })
})
