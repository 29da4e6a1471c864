import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import type { NativeEnergy } from '../../dist/results/energy.js'
import { undisturbed } from '../backends/undisturbed.js'
import { isNight } from '../setup/at-night.js'
import { execOver } from './llem.js'
import { gpu, scenarioFile, scratchFolder } from './scenario.js'

vi.setConfig({ testTimeout: 120_000 })

const ATTEMPTS = 3
const WINDOW_S = isNight ? 20 : 6

/** What a driver call costs on current boards, as the simulator's own defaults have it. */
const REAL_COST = { power: 20, fields: 20, energy: 200, other: 5 }

const BARE_SLEEPER = fileURLToPath(new URL('./bare-sleeper.py', import.meta.url))

interface Punctuality {
  received_pct: number
  p99_lateness_us: number
  /** Of a thread that only sleeps, in the same seconds. */
  bare_p99_lateness_us: number
  cpu_pct: number
}

function punctuality({ sampler, duration_sec }: NativeEnergy, barePath: string): Punctuality {
  return {
    received_pct: (100 * sampler.samples) / (duration_sec / 0.01),
    p99_lateness_us: Number(sampler.lateness_us_p99),
    bare_p99_lateness_us: Number(readFileSync(barePath, 'utf8')),
    cpu_pct: (100 * sampler.cpu_s) / duration_sec,
  }
}

/**
 * Of a core. The goal is 1 %; on virtual machines a thread that does nothing but wake up a hundred times a second was
 * seen to cost 0.45 to 0.65 % by itself, and twice as much from one minute to the next.
 */
// By day a quarter of the window is the time after opening, in which it reads much more often.
const CPU_LIMIT_PCT = isNight ? 1.6 : 4

/** A machine that itself is late for every deadline is no fault of the sampler's: by day twice its lateness is allowed. */
function isPunctual({ received_pct, p99_lateness_us, bare_p99_lateness_us, cpu_pct }: Punctuality): boolean {
  const mostLateUs = isNight ? 1000 : Math.max(1000, 2 * bare_p99_lateness_us)
  return received_pct >= 99.5 && p99_lateness_us < mostLateUs && cpu_pct <= CPU_LIMIT_PCT
}

// The best of three, because other processes of a loaded machine make any thread late.
it('a sampler at 10 ms keeps 99.5 % of its deadlines within 1 ms for a hundredth of a core', async () => {
  const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }], { call_latency_us: REAL_COST })])
  const barePath = join(scratchFolder(), 'bare')
  const tried: Punctuality[] = []
  do {
    const sleeper = ['python3', BARE_SLEEPER, String(WINDOW_S), barePath]
    const { energy } = await execOver(scenario, [...undisturbed, ...sleeper])
    tried.push(punctuality(energy, barePath))
    expect(energy.sampler.dropped).toBe(0)
  } while (tried.length < ATTEMPTS && !isPunctual(tried.at(-1) as Punctuality))
  process.stderr.write(`sampler at 10 ms, attempt ${tried.length}: ${JSON.stringify(tried.at(-1))}\n`)
  expect(tried).toContainEqual(expect.toSatisfy(isPunctual))
})
