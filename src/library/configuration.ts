// What a program gives as a configuration: an object, or the path of a file, llem's own or another tool's.

import { loadExperimentConfig } from '../config/load.js'
import { type LoadedCampaign, loadCampaign } from '../config/load-campaign.js'
import { configError } from '../config/problems.js'
import type { ExperimentConfig, WrittenExperimentConfig } from '../config/schema.js'
import { LlemError } from '../core/errors.js'
import { asCampaign, importFile, layerOf } from '../import/import.js'
import type { Imported } from '../import/reading.js'
import { lineOfLost } from '../import/write.js'
import type { Observer } from '../progress/observer.js'

/**
 * An experiment. JSON is YAML, so a program's configuration is checked by the very rules of a person's. Throws CONFIG_INVALID with
 * all problems, and USAGE for the file of a study.
 */
export function experimentOf(
  written: WrittenExperimentConfig | string,
  observer: Observer,
): ExperimentConfig {
  const loaded =
    typeof written === 'string'
      ? loadExperimentConfig(fromFile(written, observer))
      : loadExperimentConfig({ text: JSON.stringify(written) })
  if (!loaded.ok) throw configError(loaded.problems)
  return loaded.config
}

function fromFile(path: string, observer: Observer): Parameters<typeof loadExperimentConfig>[0] {
  const imported = importFile(path)
  if (imported === null) return { path }
  if (imported.kind === 'campaign')
    throw new LlemError(`${path} is a study, which is several experiments`, {
      code: 'USAGE',
      hint: 'Give it to runCampaign.',
      kind: 'usage',
    })
  tellLost(imported, observer)
  return { file: layerOf(imported, path) }
}

/** The file of a campaign. Throws CONFIG_INVALID. */
export function campaignOf(path: string, observer: Observer): LoadedCampaign & { ok: true } {
  const imported = importFile(path)
  const taken = imported === null ? null : asCampaign(imported)
  if (taken !== null) tellLost(taken, observer)
  const read = loadCampaign({ path, ...(taken === null ? {} : { file: layerOf(taken, path) }) })
  if (!read.ok) throw configError(read.problems)
  return read
}

/** The keys of another tool without which something else is measured. */
function tellLost({ lost }: Imported, { note }: Observer): void {
  for (const each of lost) if (each.matters) note(`Note: no counterpart: ${lineOfLost(each)}.`)
}
