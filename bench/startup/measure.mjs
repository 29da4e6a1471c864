// How long the command takes before it does anything, beside Node alone.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from '../folders.mjs'
import { quantile } from '../statistics.mjs'

const LLEM = join(ROOT, 'bin/llem.js')
const COMMANDS = {
  'node -e 0': ['-e', '0'],
  'llem --version': [LLEM, '--version'],
  'llem run -m model.gguf --dry-run': [LLEM, 'run', '-m', 'model.gguf', '--dry-run'],
}

export function measureStartup({ isQuick }) {
  const runs = isQuick ? 3 : 40
  const took = Object.fromEntries(Object.keys(COMMANDS).map((command) => [command, []]))
  // In turn, so that what else the machine does falls on all of them; the first round fills the caches.
  for (let round = 0; round <= runs; round++) {
    for (const [command, args] of Object.entries(COMMANDS)) {
      const startMs = performance.now()
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      const ms = performance.now() - startMs
      if (status !== 0) throw new Error(`${command} failed:\n${stderr}`)
      if (round > 0) took[command].push(ms)
    }
  }
  const commands = Object.entries(took).map(([command, ms]) => ({
    ...{ command, runs, p50_ms: quantile(ms, 0.5), p95_ms: quantile(ms, 0.95) },
  }))
  return { commands }
}
