import { type ConfigSources, loadExperimentConfig } from '../../src/config/load.js'
import { type Problem, renderProblems } from '../../src/config/problems.js'
import type { ExperimentConfig } from '../../src/config/schema.js'

/** The problems of a text called exp.yaml, one line each; empty when it is right. */
export function problemLines(text: string, more: Omit<ConfigSources, 'text'> = {}): string[] {
  const problems = problemsOf({ path: 'exp.yaml', text, ...more })
  return problems.length === 0 ? [] : renderProblems(problems).split('\n')
}

/** The problems of what is written; empty when it is right. */
export function problemsOf(sources: ConfigSources): Problem[] {
  const loaded = loadExperimentConfig(sources)
  return loaded.ok ? [] : loaded.problems
}

/** The config of what is written; fails with its problems. */
export function configOf(sources: ConfigSources): ExperimentConfig {
  const loaded = loadExperimentConfig(sources)
  if (!loaded.ok) throw new Error(renderProblems(loaded.problems))
  return loaded.config
}
