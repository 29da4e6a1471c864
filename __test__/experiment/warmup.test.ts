import { describe, expect, it } from 'vitest'
import {
  coefficientOfVariation,
  mostPrompts,
  type WarmupConfig,
  warmupUntilConverged,
} from '../../dist/experiment/warmup-rule.js'
import { recorder } from './recorder.js'

const DEFAULTS: WarmupConfig = {
  enabled: true,
  convergence_detection: true,
  cv_threshold: 0.05,
  max_prompts: 50,
  window_size: 5,
  min_prompts: 5,
  n_warmup: null,
  max_seconds: null,
}

/** Warms up with these latencies in milliseconds; the last one goes on for ever, and an error is a failing prompt. */
async function warmUp(latencies: readonly (number | Error)[], overrides: Partial<WarmupConfig> = {}) {
  const { observer, notes, stretches } = recorder()
  const result = await warmupUntilConverged(
    async (index) => {
      const latency = latencies[Math.min(index, latencies.length - 1)] ?? 0
      if (latency instanceof Error) throw latency
      return latency
    },
    { ...DEFAULTS, ...overrides },
    { observer },
  )
  return { result, notes, stretches }
}

const UNSTEADY = Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? 100 : 200))

describe('a limit in time', () => {
  it('ends a warmup that does not converge, and says so', async () => {
    const { observer, notes } = recorder()
    const runOne = async (index: number) => {
      await new Promise((resolve) => setTimeout(resolve, 400))
      return index % 2 === 0 ? 100 : 200
    }
    const result = await warmupUntilConverged(runOne, { ...DEFAULTS, max_seconds: 1 }, { observer })
    expect(result).toMatchObject({ converged: false, mode: 'cv', failures: 0 })
    expect(result.iterations_completed).toBeLessThanOrEqual(3)
    expect(notes).toEqual([`Warmup ended after 1s and ${result.iterations_completed} prompts`])
  })

  it('does not cut short one that is done in time', async () => {
    const { result } = await warmUp([100], { max_seconds: 60 })
    expect(result.converged).toBe(true)
  })
})

describe('detecting convergence', () => {
  it.for([
    ['window_size prompts where they are steady at once', [100], {}, 5],
    ['min_prompts where those are more', [100], { min_prompts: 8 }, 8],
    ['window_size prompts where those are more', [100], { min_prompts: 3, window_size: 7 }, 7],
    ['n_warmup prompts where those are more still', [100], { n_warmup: 12 }, 12],
    ['a window of steady ones after slow ones', [900, 500, 100], {}, 7],
    ['n_warmup prompts even beyond max_prompts', [100], { max_prompts: 5, n_warmup: 9 }, 9],
  ] as const)('takes %s', async ([, latencies, config, prompts]) => {
    const { result, notes } = await warmUp(latencies, config)
    expect(result).toMatchObject({ converged: true, iterations_completed: prompts, mode: 'cv', failures: 0 })
    expect(result.latencies_ms).toHaveLength(prompts)
    expect(notes).toEqual([`Warmup converged after ${prompts} prompts (CV=0.000 < 0.05)`])
  })

  it('needs a CV below the threshold: one equal to it is not enough', async () => {
    // Mean 3, population variance 4: a CV of exactly 2/3.
    const latencies = [1, 1, 1, 5, 5, 5]
    const config = { window_size: 6, min_prompts: 6, max_prompts: 6 }
    const cv = coefficientOfVariation(latencies)
    expect((await warmUp(latencies, { ...config, cv_threshold: cv })).result.converged).toBe(false)
    const above = await warmUp(latencies, { ...config, cv_threshold: cv + 1e-12 })
    expect(above.result.converged).toBe(true)
  })

  it('never converges at a threshold of 0, however steady', async () => {
    const { result } = await warmUp([100], { cv_threshold: 0, max_prompts: 10 })
    expect(result).toMatchObject({ converged: false, final_cv: 0, iterations_completed: 10 })
  })

  it('stops at max_prompts and says so, which is no error', async () => {
    const { result, notes } = await warmUp(UNSTEADY, { max_prompts: 20 })
    expect(result).toMatchObject({
      converged: false,
      iterations_completed: 20,
      target_cv: 0.05,
      max_prompts: 20,
      thermal_floor_wait_s: 0,
      mode: 'cv',
    })
    expect(result.final_cv).toBeCloseTo(coefficientOfVariation([200, 100, 200, 100, 200]), 12)
    expect(notes).toEqual(['Warmup did not converge after 20 prompts (final CV=0.306, target=0.05)'])
  })

  it('looks at the last window_size latencies only', async () => {
    const { result } = await warmUp([1000, 1, 500, 100, 100, 100], { window_size: 3, min_prompts: 1 })
    expect(result).toMatchObject({ converged: true, iterations_completed: 6 })
  })

  it('shows how far it is, with the CV and its target', async () => {
    const { stretches } = await warmUp([100], { window_size: 3, min_prompts: 3 })
    expect(stretches).toEqual([
      'Warmup 0/50 prompt',
      'Warmup 1/50 prompt',
      'Warmup 2/50 prompt',
      'Warmup 3/50 prompt CV 0.0%, target 5.0%',
      'Warmup ends',
    ])
  })
})

describe('without detection', () => {
  it.for([
    ['n_warmup', { n_warmup: 3 }, 3],
    ['max_prompts where n_warmup is null', { max_prompts: 7 }, 7],
    ['n_warmup also beyond max_prompts', { max_prompts: 5, n_warmup: 9 }, 9],
  ] as const)('runs exactly %s and counts as converged', async ([, config, prompts]) => {
    const { result, notes } = await warmUp(UNSTEADY, { convergence_detection: false, ...config })
    expect(result).toMatchObject({ converged: true, iterations_completed: prompts, mode: 'fixed' })
    expect(notes).toEqual([])
  })

  it('runs nothing when it is disabled', async () => {
    const { result, notes, stretches } = await warmUp([new Error('must not run')], { enabled: false })
    expect(result).toMatchObject({
      converged: true,
      final_cv: 0,
      iterations_completed: 0,
      latencies_ms: [],
      mode: 'disabled',
    })
    expect([...notes, ...stretches]).toEqual([])
  })
})

describe('failing prompts', () => {
  it('are logged, and the rest goes on', async () => {
    const { result, notes } = await warmUp([100, new Error('no luck'), 100])
    expect(result).toMatchObject({ converged: true, iterations_completed: 5, failures: 1, mode: 'cv' })
    expect(notes).toEqual([
      'Warmup prompt 2 failed: no luck',
      'Warmup converged after 5 prompts (CV=0.000 < 0.05)',
    ])
  })

  it.for([true, false])(
    'that are all there is are a failed warmup (detection: %s)',
    async (convergence_detection) => {
      const { result, notes } = await warmUp([new Error('no luck')], {
        convergence_detection,
        max_prompts: 6,
      })
      expect(result).toMatchObject({
        converged: false,
        final_cv: null,
        iterations_completed: 0,
        failures: 6,
        mode: 'failed',
      })
      expect(notes).toHaveLength(7)
      expect(notes.at(-1)).toBe('Warmup failed: no prompt succeeded')
    },
  )
})

describe('being stopped', () => {
  it('asks before each prompt whether to go on', async () => {
    const { observer, stretches } = recorder()
    let asked = 0
    const checkpoint = () => {
      asked += 1
      if (asked === 3) throw new Error('stop')
    }
    let prompts = 0
    const warmingUp = warmupUntilConverged(async () => ++prompts, DEFAULTS, { observer, checkpoint })
    await expect(warmingUp).rejects.toThrow('stop')
    expect(prompts).toBe(2)
    expect(stretches.at(-1)).toBe('Warmup ends')
  })
})

describe('the coefficient of variation', () => {
  it.for([
    [[100, 100, 100], 0],
    [[1, 1, 1, 5, 5, 5], 2 / 3],
    [[90, 110], 0.1],
    [[0, 0, 0], 0],
    [[-5, 5], 0],
  ] as const)('of %j is %d', ([values, cv]) => {
    expect(coefficientOfVariation(values)).toBeCloseTo(cv, 12)
  })
})

describe('the prompts that a warmup needs at most', () => {
  const config = { enabled: true, convergence_detection: true, max_prompts: 50, n_warmup: null }
  it.for([
    ['the cap with detection', {}, 50],
    ['what was asked for, beyond the cap', { n_warmup: 80 }, 80],
    ['the cap, where fewer are the least', { n_warmup: 5 }, 50],
    ['exactly what was asked for without detection', { convergence_detection: false, n_warmup: 5 }, 5],
    ['the cap without detection', { convergence_detection: false }, 50],
    ['none where there is no warmup', { enabled: false, n_warmup: 5 }, 0],
  ] as const)('are %s', ([, overrides, most]) => {
    expect(mostPrompts({ ...config, ...overrides })).toBe(most)
  })
})
