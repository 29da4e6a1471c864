import { messageOf } from '../core/errors.js'
import type { Observer } from '../progress/observer.js'
import type { WarmupResult } from '../results/experiment.js'

/** The `warmup` group of the configuration, without the wait that follows it. */
export interface WarmupConfig {
  enabled: boolean
  convergence_detection: boolean
  cv_threshold: number
  max_prompts: number
  window_size: number
  min_prompts: number
  n_warmup: number | null
  max_seconds: number | null
}

export interface WarmupContext {
  observer: Observer
  /** Asked before each prompt and after one that failed; throws when there is no point in going on. */
  checkpoint?: () => void
}

/**
 * Runs prompts until their latency is steady: the coefficient of variation (std / mean, population) of the last
 * `window_size` lies below the threshold. Fixed mode runs exactly as many prompts as it was told. `runOne`
 * resolves with the latency in milliseconds; one that fails is logged and the rest goes on.
 */
export async function warmupUntilConverged(
  runOne: (index: number) => Promise<number>,
  config: WarmupConfig,
  { observer, checkpoint }: WarmupContext,
): Promise<WarmupResult> {
  const { cv_threshold, max_prompts, window_size } = config
  const base = { target_cv: cv_threshold, max_prompts, thermal_floor_wait_s: 0 }
  if (!config.enabled) {
    const nothing = { final_cv: 0, iterations_completed: 0, latencies_ms: [], failures: 0 }
    return { ...base, ...nothing, converged: true, mode: 'disabled' }
  }
  const detecting = config.convergence_detection
  // With detection on, `n_warmup` is a least number.
  const least = Math.max(config.min_prompts, window_size, config.n_warmup ?? 0)
  const most = mostPrompts(config)

  const latencies: number[] = []
  let failures = 0
  let cv: number | null = null
  let converged = false
  let attempts = 0
  const startMs = performance.now()
  const isLate = () => config.max_seconds !== null && performance.now() - startMs > config.max_seconds * 1000
  const progress = observer.progress({ label: 'Warmup', total: most, unit: 'prompt', isLimit: detecting })
  try {
    while (attempts < most && !converged && !isLate()) {
      checkpoint?.()
      try {
        latencies.push(await runOne(attempts))
      } catch (error) {
        checkpoint?.()
        failures += 1
        observer.note(`Warmup prompt ${attempts + 1} failed: ${messageOf(error)}`)
      }
      attempts += 1
      if (latencies.length >= window_size) cv = coefficientOfVariation(latencies.slice(-window_size))
      converged = detecting && cv !== null && latencies.length >= least && cv < cv_threshold
      progress.update(attempts, cv === null ? '' : `CV ${percent(cv)}, target ${percent(cv_threshold)}`)
    }
  } finally {
    progress.stop()
  }
  const result = {
    ...base,
    final_cv: cv,
    iterations_completed: latencies.length,
    latencies_ms: latencies,
    failures,
  }
  if (latencies.length === 0) {
    observer.note('Warmup failed: no prompt succeeded')
    return { ...result, converged: false, mode: 'failed' }
  }
  if (attempts < most && !converged) {
    observer.note(`Warmup ended after ${config.max_seconds}s and ${latencies.length} prompts`)
    return { ...result, converged: false, mode: detecting ? 'cv' : 'fixed' }
  }
  if (!detecting) return { ...result, converged: true, mode: 'fixed' }
  const shown = cv === null ? 'unknown' : cv.toFixed(3)
  observer.note(
    converged
      ? `Warmup converged after ${latencies.length} prompts (CV=${shown} < ${cv_threshold})`
      : `Warmup did not converge after ${most} prompts (final CV=${shown}, target=${cv_threshold})`,
  )
  return { ...result, converged, mode: 'cv' }
}

/** The prompts that a warmup needs at most. What was asked for outright beats the cap. */
export function mostPrompts({
  enabled,
  convergence_detection,
  max_prompts,
  n_warmup,
}: Pick<WarmupConfig, 'enabled' | 'convergence_detection' | 'max_prompts' | 'n_warmup'>): number {
  if (!enabled) return 0
  return convergence_detection ? Math.max(max_prompts, n_warmup ?? 0) : (n_warmup ?? max_prompts)
}

/** Standard deviation over mean; 0 when the mean is not positive. */
export function coefficientOfVariation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  if (!(mean > 0)) return 0
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return Math.sqrt(variance) / mean
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`
}
