import type { ExperimentConfig } from '../config/schema.js'
import type { Observer } from '../progress/observer.js'
import { loadPrompts, type PromptSet } from '../prompts/load.js'
import { mostPrompts } from './warmup-rule.js'

/** The prompts of an experiment, as text; workers tokenise them once loaded. What was done to have enough is told. */
export async function loadPromptsOf(
  config: ExperimentConfig,
  { observer, signal }: { observer: Observer; signal: AbortSignal | undefined },
): Promise<PromptSet> {
  const prompts = await loadPrompts(config.prompts, {
    dataset: config.dataset,
    observer,
    signal,
    count: config.n_prompts,
    warmup: mostPrompts(config.warmup),
  })
  for (const note of prompts.notes) observer.note(`Note: ${note}.`)
  return prompts
}
