// file, environment, --set, flags -> layers -> one written tree -> schema and rules -> config, or all problems
import { learnSecrets } from '../core/secrets.js'
import { settleAliases } from './aliases.js'
import { type FileLayer, fileLayer, textLayer } from './config-file.js'
import { settleEngineArguments } from './engine-arguments.js'
import { environmentLayers } from './environment.js'
import type { GroupwiseParser } from './groupwise.js'
import { type Layer, mergeLayers, placeOf } from './layers.js'
import { type FlagValue, flagLayers, setLayers } from './overrides.js'
import { type Finding, type Problem, toProblems } from './problems.js'
import { ruleFindings } from './rules.js'
import { type ExperimentConfig, experimentConfigSchema } from './schema.js'
import { leavesOf, mergeTrees, type Tree } from './tree.js'
import { findingOf, refusalsOf } from './validate.js'

/** Where an experiment is written, the weakest source first. Nothing is read that is not named here. */
export interface ConfigSources {
  /** The experiment file; with `text`, only the name that problems call the text by. */
  path?: string
  text?: string
  /** What was read already, in place of both. */
  file?: FileLayer
  /** `LLEM_*` variables; normally `process.env`. */
  env?: Readonly<Record<string, string | undefined>>
  /** `key=value`, as given to `--set`. */
  sets?: readonly string[]
  /** Dotted key -> the flag that stands for it and its value. */
  flags?: Readonly<Record<string, FlagValue>>
}

/** A resolved config with what was written for it, or everything that has to be corrected. */
export type LoadedConfig =
  | {
      ok: true
      config: ExperimentConfig
      /** All sources as one tree, before defaults. */
      written: Tree
      /** Dotted key -> where its value was written; keys that took their default are absent. */
      sources: Record<string, string>
    }
  | { ok: false; problems: Problem[] }

/** Resolves an experiment. Every expected failure, a missing file too, is a problem and not a throw. */
export function loadExperimentConfig({
  path,
  text,
  file = fileOf(path, text),
  env = {},
  sets = [],
  flags = {},
}: ConfigSources): LoadedConfig {
  const overrides = [environmentLayers(env), setLayers(sets), flagLayers(flags)]
  const findings = [...file.findings, ...overrides.flatMap((override) => override.findings)]
  // Without the file its keys would all be reported as missing.
  if (file.layer === null) return { ok: false, problems: toProblems(findings) }

  const layers = [file.layer, ...overrides.flatMap((override) => override.layers)]
  const written = mergeLayers(layers)
  learnSecrets(written)
  const checked = checkExperiment(written, layers)
  findings.push(...checked.findings)
  if (findings.length > 0 || checked.config === null) return { ok: false, problems: toProblems(findings) }
  const { config, settled } = checked
  return { ok: true, config, written: settled, sources: sourcesOf(settled, layers) }
}

/** A written tree against schema and rules: the config, or null and why. `parser` is for many trees that are alike. */
export function checkExperiment(
  written: Tree,
  layers: readonly Layer[],
  parser?: GroupwiseParser,
): { config: ExperimentConfig | null; settled: Tree; findings: Finding[] } {
  const { settled: named, findings } = settleAliases(written, layers)
  const { settled, findings: wrongArguments } = settleEngineArguments(named, layers)
  findings.push(...wrongArguments)
  const known = parser?.parse(settled) ?? null
  const parsed =
    known === null ? experimentConfigSchema.safeParse(settled) : ({ success: true, data: known } as const)
  const refusals = parsed.success ? [] : refusalsOf(parsed.error.issues, settled)
  findings.push(
    ...refusals.map((refusal) => findingOf(refusal, settled, layers)),
    ...ruleFindings(parsed.success ? parsed.data : withDefaults(settled), {
      written: settled,
      refused: refusals.map((refusal) => refusal.path),
      layers,
    }),
  )
  return { config: parsed.success && findings.length === 0 ? parsed.data : null, settled, findings }
}

function fileOf(path: string | undefined, text: string | undefined): FileLayer {
  if (text !== undefined) return textLayer(text, path ?? 'config')
  if (path !== undefined) return fileLayer(path)
  const nowhere = { where: 'command line', order: 0 }
  return { layer: { source: 'file', tree: {}, place: () => nowhere }, findings: [] }
}

/** The written values over the defaults, so that rules can run beside refused values. */
function withDefaults(written: Tree): ExperimentConfig {
  const defaults = experimentConfigSchema.parse({ model: 'model.gguf' })
  return mergeTrees(defaults, written) as ExperimentConfig
}

function sourcesOf(written: Tree, layers: readonly Layer[]): Record<string, string> {
  return Object.fromEntries(
    [...leavesOf(written)].map(([path]) => [path.join('.'), placeOf(layers, path).where]),
  )
}
