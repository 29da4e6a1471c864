// The library: import { measure, runExperiment, Sampler } from 'llem'.

import type { WrittenExperimentConfig } from './config/schema.js'
import { chooseLibrary } from './energy/library.js'
import { preflightOf } from './experiment/preflight/ready.js'
import type { PreflightReport } from './experiment/preflight/report.js'
import {
  type ExperimentOutcome,
  type RunOptions as InnerOptions,
  runExperiment as run,
} from './experiment/run.js'

import { experimentOf } from './library/configuration.js'
import { silentObserver } from './progress/observer.js'

export type { Manifest } from './campaign/manifest.js'
export type { CampaignPlan } from './campaign/plan.js'
export type { CampaignStatistics, ExperimentStatistics } from './campaign/statistics.js'
export type { CompareOptions, Comparison } from './compare/compare.js'
export type { CyclePlan } from './compare/cycles.js'
export type { Front, Objective } from './compare/front.js'
export type { MetricKey } from './compare/metrics.js'
export type { WrittenExperimentConfig as ExperimentConfig } from './config/schema.js'
export { LlemError } from './core/errors.js'
export { type MeasuredValue, type MeasureOptions, measure } from './energy/measure.js'
export type { PreflightProblem, PreflightReport } from './experiment/preflight/report.js'
export { type ExperimentOutcome, UnsavedResultError } from './experiment/run.js'
export type { WarmupConfig } from './experiment/warmup-rule.js'
export {
  type CampaignConfig,
  type CampaignOutcome,
  type CampaignRunOptions,
  campaignStatus,
  planCampaign,
  runCampaign,
} from './library/campaign.js'
export { campaignFront, compareResults, planCycles } from './library/compare.js'
export {
  type FetchOptions,
  fetchModel,
  measurementWarnings,
  modelFacts,
  selectEnergyBackend,
} from './library/measuring.js'
export { warmupUntilConverged } from './library/warmup.js'
export type { ModelFacts } from './models/facts.js'
export { estimateFlopsPalm, type FlopsEstimate } from './models/palm-flops.js'
export type { Device, Machine, Snapshot, WindowReport } from './native/addon.js'
export { listDevices, monotonicNs } from './native/machine.js'
export {
  type SampledDevice,
  Sampler,
  type SamplerOptions,
  type Window,
  type WindowFiles,
} from './native/sampler.js'
export { simulate } from './native/simulation.js'
export type { Observer, Progress, Stretch } from './progress/observer.js'
export type { DeviceEnergy, Energy, NativeEnergy } from './results/energy.js'
export type { ExecResult } from './results/exec.js'
export type { ExperimentResult, FlopsResult, WarmupResult } from './results/experiment.js'
export type { Finding } from './results/findings.js'
export type { ModelSource } from './results/identity.js'
export { bootstrapInterval, type Interval, studentInterval } from './results/interval.js'
export { type Quoted, type QuotedNumbers, quotedNumbers } from './results/quoted.js'
export { type AnyResult, readResult } from './results/read.js'
export { type Repeated, type RepeatedInterval, repeated } from './results/repeated.js'

export interface RunOptions extends Omit<InnerOptions, 'libraryPath' | 'simulated'> {
  /** Measure a simulated GPU: true for the built-in one, or the path of a scenario. */
  simulate?: boolean | string
}

/**
 * Runs one experiment as `llem run` does. The configuration is the path of a file, llem's own or another tool's, or has the keys
 * of the YAML file; every one but `model` has a default; `LLEM_*` variables are not looked at. Throws CONFIG_INVALID with all problems at once, and what an
 * experiment throws.
 */
export async function runExperiment(
  written: WrittenExperimentConfig | string,
  { simulate, ...options }: RunOptions = {},
): Promise<ExperimentOutcome> {
  return run(experimentOf(written, options.observer ?? silentObserver), {
    ...options,
    ...chooseLibrary(simulate),
  })
}

/**
 * Whether an experiment could run here and now: backend, model, server, GPUs, memory, disk and prompts, as `llem run
 * --validate-only` looks at them. Measures nothing and loads no model. What is in the way is in `problems`, all of it;
 * throws CONFIG_INVALID, and INTERRUPTED by the signal.
 */
export async function preflight(
  written: WrittenExperimentConfig | string,
  { simulate, signal, observer }: Pick<RunOptions, 'simulate' | 'signal' | 'observer'> = {},
): Promise<PreflightReport> {
  const { libraryPath } = chooseLibrary(simulate)
  return preflightOf(experimentOf(written, observer ?? silentObserver), {
    libraryPath,
    signal,
    ...(observer === undefined ? {} : { observer }),
  })
}
