// Which files of a repository are meant: one GGUF model, by its file or by how its weights are packed, or all that a folder of
// safetensors needs. Pure. What is not clear is an error that lists what there is.

import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'
import { shortened } from '../core/foreign-text.js'
import type { HubName } from '../core/named-model.js'
import type { ModelShape } from './source.js'

/** A file, as far as the choice depends on it. */
interface File {
  path: string
  bytes: number
}

/** One GGUF model: a file, or the parts that it is split into, in order. */
interface GgufModel<F extends File> {
  files: F[]
  /** The file without its ending and its part's number. */
  stem: string
  /** How its weights are packed, by its name: Q4_K_M, UD-Q4_K_XL, BF16; null where that does not tell. */
  quant: string | null
}

const PART = /-(\d{5})-of-(\d{5})$/
/** Projectors of pictures and statistics for quantising lie beside models and are none. */
const NO_MODEL = /(^|[-_./])(mmproj|imatrix)([-_.]|$)/i
const QUANT =
  /(?:^|[-_./])((?:UD-)?(?:I?Q\d+(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP\d(?:_[A-Z]+)*|BF16|FP?16|FP?32))(?=$|[-_./])/gi

/** The files, in the order in which they belong together, and what they are. Throws MODEL_NOT_FOUND and MODEL_UNCLEAR. */
export function chooseFiles<F extends File>(
  name: HubName,
  files: readonly F[],
  takes: ModelShape,
): { files: F[]; shape: 'gguf' | 'folder' } {
  const models = ggufModels(files)
  const folder = folderFiles(files)
  if (takes === 'folder' || (takes === 'either' && name.selector === null && folder.length > 0)) {
    if (name.selector !== null) throw noPart(name)
    if (folder.length === 0) throw noFolder(name, models)
    return { files: folder, shape: 'folder' }
  }
  if (models.length === 0) throw noGguf(name, folder.length > 0)
  return { files: chosen(name, models).files, shape: 'gguf' }
}

function chosen<F extends File>(name: HubName, models: readonly GgufModel<F>[]): GgufModel<F> {
  const { selector } = name
  const found = selector === null ? models : matching(selector, models)
  const [only, ...others] = found
  if (only === undefined) throw noSuchModel(name, selector ?? '', models)
  if (others.length > 0) throw unclear(name, found)
  return only
}

/** Those that are meant: the exact file, the same in other letters, else the quantisation. */
export function matching<F extends File>(selector: string, models: readonly GgufModel<F>[]): GgufModel<F>[] {
  const wanted = selector.replace(/\.gguf$/i, '')
  const bare = wanted.replace(PART, '')
  const same = (text: string, other: string) => text.toLowerCase() === other.toLowerCase()
  const last = (path: string) => path.split('/').at(-1) ?? path
  const ways: ((model: GgufModel<F>) => boolean)[] = [
    ({ stem }) => stem === bare,
    ({ stem }) => last(stem) === bare,
    ({ stem }) => same(stem, bare) || same(last(stem), bare),
    ({ quant }) => quant !== null && same(quant, wanted),
    ({ quant }) => quant !== null && same(quant.replace(/^UD-/i, ''), wanted),
  ]
  for (const way of ways) {
    const found = models.filter(way)
    if (found.length > 0) return found
  }
  return []
}

/** The models of a repository, each with all its parts. */
export function ggufModels<F extends File>(files: readonly F[]): GgufModel<F>[] {
  const groups = new Map<string, F[]>()
  for (const file of files) {
    if (!/\.gguf$/i.test(file.path) || NO_MODEL.test(file.path)) continue
    const stem = file.path.replace(/\.gguf$/i, '')
    const key = stem.replace(PART, (_, __, of) => `\0${of}`)
    groups.set(key, [...(groups.get(key) ?? []), file])
  }
  return [...groups].map(([key, parts]) => {
    const stem = key.replace(/\0.*$/, '')
    const sorted = [...parts].sort((a, b) => (a.path < b.path ? -1 : 1))
    return { files: sorted, stem, quant: [...stem.matchAll(QUANT)].at(-1)?.[1]?.toUpperCase() ?? null }
  })
}

/** How many parts the name of a file says that its model has. */
export function partsOf(path: string): number {
  return Number(PART.exec(path.replace(/\.gguf$/i, ''))?.[2] ?? 1)
}

/** What transformers and servers read of a repository: weights as safetensors, configuration, tokenizer, code. */
function folderFiles<F extends File>(files: readonly F[]): F[] {
  const atTop = files.filter(({ path }) => !path.includes('/'))
  const weights = atTop.filter(({ path }) => path.endsWith('.safetensors'))
  // Some have the same weights a second time, in the form of their maker.
  const others = weights.filter(({ path }) => !path.startsWith('consolidated'))
  const needed = others.length > 0 ? others : weights
  if (needed.length === 0) return []
  const rest = atTop.filter(({ path }) => /\.(json|txt|model|jinja|py|tiktoken)$/.test(path))
  return [...needed, ...rest]
}

/** "Q4_K_M (4.7 GB)", with what to type to have it. */
function choices<F extends File>(models: readonly GgufModel<F>[]): string {
  const quants = models.map(({ quant }) => quant)
  const labels = models.map(({ quant, stem, files }) => {
    const isEnough = quant !== null && quants.filter((each) => each === quant).length === 1
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    const label = isEnough ? quant : shortened(`${stem}.gguf`)
    return `${label} (${sizeText(bytes)})`
  })
  const rest = labels.length - MOST_CHOICES
  return `${labels.slice(0, MOST_CHOICES).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

function sizeText(bytes: number): string {
  if (bytes >= 1e8) return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 0)} GB`
  return bytes >= 1e5 ? `${(bytes / 1e6).toFixed(1)} MB` : `${bytes} B`
}

/** As many as a repository of quantised models has. */
const MOST_CHOICES = 30

function unclear<F extends File>(name: HubName, models: readonly GgufModel<F>[]): LlemError {
  const example = models.find(({ quant }) => quant === 'Q4_K_M') ?? models[0]
  const said = name.selector === null ? 'has' : `has for ${name.selector}`
  const withName = { ...name, selector: example?.quant ?? `${example?.stem}.gguf` }
  const isByQuant = models.filter(({ quant }) => quant === example?.quant).length === 1
  const typed = isByQuant ? withName : { ...name, selector: example?.files[0]?.path ?? null }
  return new LlemError(`${name.repository} ${said} ${models.length} models: ${choices(models)}`, {
    code: 'MODEL_UNCLEAR',
    hint: `Name one, as in -m ${written(typed)}`,
    kind: 'usage',
  })
}

function noSuchModel<F extends File>(
  name: HubName,
  selector: string,
  models: readonly GgufModel<F>[],
): LlemError {
  const names = models.flatMap(({ quant, stem }) => [...(quant === null ? [] : [quant]), `${stem}.gguf`])
  const begins = (other: string) => other.toLowerCase().startsWith(selector.toLowerCase())
  const near = names.find(begins) ?? closest(selector, names)
  return new LlemError(`${name.repository} has no model ${JSON.stringify(shortened(selector))}`, {
    code: 'MODEL_NOT_FOUND',
    hint: `${near === null ? '' : `Did you mean ${written({ ...name, selector: near })}? `}It has ${choices(models)}.`,
    kind: 'usage',
  })
}

function noGguf({ repository }: HubName, hasFolder: boolean): LlemError {
  return new LlemError(`${repository} has no GGUF files`, {
    code: 'MODEL_NOT_FOUND',
    hint: hasFolder
      ? 'It has safetensors, which -b pytorch and -b vllm run; or look for a repository that has it as GGUF.'
      : 'Look for a repository that has the model as GGUF.',
    kind: 'usage',
  })
}

function noFolder<F extends File>({ repository }: HubName, models: readonly GgufModel<F>[]): LlemError {
  return new LlemError(`${repository} has no safetensors at its top`, {
    code: 'MODEL_NOT_FOUND',
    hint:
      models.length > 0
        ? `It has GGUF files, which -b llamacpp runs: ${choices(models)}.`
        : 'Look for a repository that has the model as safetensors.',
    kind: 'usage',
  })
}

/** Such backends load a whole repository. */
function noPart(name: HubName): LlemError {
  return new LlemError(`this backend takes a repository as a whole, and ${name.name} names a part of it`, {
    code: 'MODEL_NAME_INVALID',
    hint: `Write ${written({ ...name, selector: null })}, or use -b llamacpp for a GGUF file.`,
    kind: 'usage',
  })
}

export function written({ repository, revision, selector }: Omit<HubName, 'name' | 'registry'>): string {
  return `hf:${repository}${revision === null ? '' : `@${revision}`}${selector === null ? '' : `:${selector}`}`
}
