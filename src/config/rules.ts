import { type Layer, placeOf } from './layers.js'
import type { Finding } from './problems.js'
import type { ExperimentConfig } from './schema.js'
import { dotted, type Path, readPath, type Tree } from './tree.js'

/** A rule that joins several keys. It runs only when each of them is right by itself. */
interface Rule {
  keys: readonly Path[]
  broken(config: ExperimentConfig, written: Tree): { path: Path; message: string }[]
}

/** The rules beyond the schema, so that a broken one is reported beside the schema's own problems. */
const RULES: readonly Rule[] = [
  notAbove(['warmup', 'window_size'], ['warmup', 'max_prompts']),
  notAbove(['warmup', 'min_prompts'], ['warmup', 'max_prompts']),
  eachDeviceOnce(),
  oneCarbonIntensity(),
  columnOfTable(),
]

/** What breaks a rule. `config` may hold refused values: rules that read them are skipped. */
export function ruleFindings(
  config: ExperimentConfig,
  { written, refused, layers }: { written: Tree; refused: readonly Path[]; layers: readonly Layer[] },
): Finding[] {
  const sound = RULES.filter(({ keys }) => !keys.some((key) => refused.some((path) => overlap(path, key))))
  return sound.flatMap(({ broken }) =>
    broken(config, written).map(({ path, message }) => {
      return { place: placeOf(layers, path), key: dotted(path), message, suggestion: null }
    }),
  )
}

function notAbove(low: Path, high: Path): Rule {
  return {
    keys: [low, high],
    broken: (config, written) => {
      if (Number(readPath(config, low)) <= Number(readPath(config, high))) return []
      const shown = (key: Path) => {
        const note = readPath(written, key) === undefined ? ', the default' : ''
        return `${dotted(key)} (${readPath(config, key)}${note})`
      }
      const path = readPath(written, low) === undefined ? high : low
      return [{ path, message: `${shown(low)} must not exceed ${shown(high)}` }]
    },
  }
}

/** A device that is listed twice would have its energy counted twice. */
function eachDeviceOnce(): Rule {
  const key: Path = ['energy', 'devices']
  return {
    keys: [key],
    broken: ({ energy }) => {
      const devices = energy.devices ?? []
      return devices.flatMap((device, i) =>
        devices.indexOf(device) === i
          ? []
          : [
              {
                path: [...key, i],
                message: `energy.devices lists ${device} twice, its energy would be counted twice`,
              },
            ],
      )
    },
  }
}

/** A country has an intensity of its own. */
function oneCarbonIntensity(): Rule {
  const key: Path = ['carbon', 'country']
  return {
    keys: [key, ['carbon', 'intensity_gco2_kwh']],
    broken: ({ carbon: { country, intensity_gco2_kwh } }) => {
      if (country === null || intensity_gco2_kwh === null) return []
      const message = `carbon.country (${country}) and carbon.intensity_gco2_kwh (${intensity_gco2_kwh}) must not be given both`
      return [{ path: key, message }]
    },
  }
}

/** Only files with fields and data sets have columns, and a data set may name its own. */
function columnOfTable(): Rule {
  const key: Path = ['dataset', 'column']
  return {
    keys: [key, ['prompts']],
    broken: ({ prompts, dataset: { column } }) => {
      if (column === null) return []
      const source = typeof prompts === 'string' ? prompts : 'synthetic'
      const own = source.startsWith('hf:') ? source.split(':')[4] : undefined
      if (own !== undefined && own !== '' && own !== column)
        return [
          { path: key, message: `dataset.column (${column}) is another one than prompts (${source}) names` },
        ]
      if (source.startsWith('hf:') || /\.(jsonl|parquet)$/.test(source)) return []
      return [
        { path: key, message: `dataset.column (${column}) is given, but prompts: ${source} has no columns` },
      ]
    },
  }
}

function overlap(a: Path, b: Path): boolean {
  const length = Math.min(a.length, b.length)
  return a.slice(0, length).every((step, i) => step === b[i])
}
