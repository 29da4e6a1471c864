// Models that Ollama has on this machine, read in place: a manifest per name, whose layers are files named by their SHA-256.
//
//   MODELS/manifests/HOST/NAMESPACE/NAME/TAG              JSON; newer Ollama: MODELS/manifests-v2/..., links to blobs
//   MODELS/blobs/sha256-...                               weights, template, parameters, licence
//
// https://docs.ollama.com/faq (where models are stored) and manifest/ of github.com/ollama/ollama

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { closest } from '../core/closest.js'
import { LlemError, messageOf } from '../core/errors.js'
import { listedNames } from '../core/foreign-text.js'
import { limitedJson } from '../core/limited.js'
import { LIMITS } from '../core/limits.js'
import type { OllamaName } from '../core/named-model.js'
import type { Located, ModelShape } from './source.js'
import { damaged, fetchAnew } from './verify.js'

const digest = z.string().regex(/^sha256[:-][0-9a-f]{64}$/i)
const layer = z.object({ mediaType: z.string(), digest, size: z.number().int().nonnegative().optional() })
const one = z.object({
  layers: z.array(layer).optional(),
  digest: digest.optional(),
  runner: z.string().optional(),
})
const manifestSchema = one.extend({ manifests: z.array(one).optional() })
type Manifest = z.infer<typeof manifestSchema>

const WEIGHTS = 'application/vnd.ollama.image.model'
const ADAPTER = 'application/vnd.ollama.image.adapter'
/** Weights that are no GGUF, for Ollama's engine on other hardware. */
const TENSOR = 'application/vnd.ollama.image.tensor'
const ROOTS = ['manifests-v2', 'manifests'] as const
/** The registry has two names. */
const OWN_HOSTS = ['registry.ollama.ai', 'ollama.com']

/** Where Ollama may keep its models: where it is told to, in the home of whoever runs it, or in that of its service. */
export function ollamaFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  if (env.OLLAMA_MODELS) return [env.OLLAMA_MODELS]
  return [join(homedir(), '.ollama', 'models'), '/usr/share/ollama/.ollama/models', '/var/lib/ollama/models']
}

/** The file of a model's weights. Throws MODEL_NOT_FOUND, which names what is there, and MODEL_UNREADABLE. */
export function findInOllama(name: OllamaName, takes: ModelShape): Located & { state: 'here' } {
  if (takes === 'folder')
    throw new LlemError(`${name.name} is a GGUF file, which this backend does not load`, {
      code: 'MODEL_UNREADABLE',
      hint: 'Use -b llamacpp, or -b ollama for the server of Ollama.',
      kind: 'usage',
    })
  for (const folder of ollamaFolders()) {
    const path = manifestOf(folder, name)
    if (path !== null) return located(folder, path, name)
  }
  throw notThere(name)
}

function manifestOf(folder: string, { host, namespace, model, tag }: OllamaName): string | null {
  const hosts = OWN_HOSTS.includes(host) ? OWN_HOSTS : [host]
  const paths = ROOTS.flatMap((root) => hosts.map((each) => join(folder, root, each, namespace, model, tag)))
  return paths.find((path) => existsSync(path)) ?? null
}

function located(folder: string, path: string, name: OllamaName): Located & { state: 'here' } {
  const { manifest, sha256 } = readManifest(path, name)
  const layers = layersOf(folder, manifest, name)
  const weights = layers.filter(({ mediaType }) => mediaType.startsWith(WEIGHTS))
  const [first] = weights
  if (first === undefined) throw noGguf(name, layers)
  if (layers.some(({ mediaType }) => mediaType.startsWith(ADAPTER)))
    throw unreadable(
      name,
      'it has an adapter beside its weights, which llamacpp would leave out',
      'Use -b ollama, which has both.',
    )
  const files = weights.map(({ digest, size }) => {
    const hex = digest.slice(-64).toLowerCase()
    const file = join(folder, 'blobs', `sha256-${hex}`)
    const bytes = bytesOf(file)
    if (bytes === null)
      throw unreadable(
        name,
        `its weights are not there (${file})`,
        `Fetch it again: ollama pull ${name.name.slice(7)}`,
      )
    if (size !== undefined && size !== bytes)
      throw damaged(file, `has ${bytes} bytes where its manifest says ${size}`, fetchAnew(file, name.name))
    return { file, path: `sha256-${hex}`, bytes, sha256: hex }
  })
  const source = {
    registry: 'ollama' as const,
    repository: `${name.host}/${name.namespace}/${name.model}:${name.tag}`,
    revision: null,
    commit: null,
    manifest_sha256: sha256,
    files: files.map(({ file: _, ...rest }) => rest),
  }
  const here = files.map(({ file, sha256: expected }) => ({ file, expected }))
  return { state: 'here', path: files[0]?.file ?? '', source, files: here }
}

/** Of a list of manifests, one for each program, the first with weights as GGUF. */
function layersOf(folder: string, manifest: Manifest, name: OllamaName): z.infer<typeof layer>[] {
  const all = (manifest.manifests ?? [manifest]).map((each) => {
    if (each.layers !== undefined || each.digest === undefined) return each.layers ?? []
    const path = join(folder, 'blobs', each.digest.replace(':', '-'))
    return readManifest(path, name).manifest.layers ?? []
  })
  const hasWeights = (layers: z.infer<typeof layer>[]) =>
    layers.some(({ mediaType }) => mediaType.startsWith(WEIGHTS))
  return all.find(hasWeights) ?? all.flat()
}

function readManifest(path: string, name: OllamaName): { manifest: Manifest; sha256: string } {
  try {
    const bytes = bytesOf(path)
    if (bytes === null) throw new Error('it is no file')
    if (bytes > LIMITS.ollama_manifest_bytes) throw new Error(`it has ${bytes} bytes`)
    const content = readFileSync(path)
    const manifest = manifestSchema.parse(limitedJson(content.toString('utf8')))
    return { manifest, sha256: createHash('sha256').update(content).digest('hex') }
  } catch (cause) {
    const why = cause instanceof z.ZodError ? 'it has another form than Ollama writes' : messageOf(cause)
    throw unreadable(
      name,
      `its manifest ${path} cannot be read: ${why}`,
      `Fetch it again: ollama pull ${name.name.slice(7)}`,
      cause,
    )
  }
}

function bytesOf(path: string): number | null {
  const found = statSync(path, { throwIfNoEntry: false })
  return found?.isFile() ? found.size : null
}

/** As `ollama list` writes them. */
function namesIn(folder: string): string[] {
  return ROOTS.flatMap((root) =>
    childrenOf(join(folder, root)).flatMap((host) =>
      childrenOf(join(folder, root, host)).flatMap((namespace) =>
        childrenOf(join(folder, root, host, namespace)).flatMap((model) =>
          childrenOf(join(folder, root, host, namespace, model)).map((tag) => {
            const owner = OWN_HOSTS.includes(host) ? '' : `${host}/`
            const space = owner === '' && namespace === 'library' ? '' : `${namespace}/`
            return `${owner}${space}${model}:${tag}`
          }),
        ),
      ),
    ),
  )
}

function childrenOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

function notThere({ name, tag }: OllamaName): LlemError {
  const bare = name.slice('ollama:'.length)
  const folders = ollamaFolders()
  const there = [...new Set(folders.flatMap(namesIn))]
  const near =
    closest(bare.includes(':') ? bare : `${bare}:${tag}`, there) ??
    there.find((each) => each.startsWith(`${bare}:`))
  const what = there.length === 0 ? 'It has none' : `It has ${listedNames(there)}`
  return new LlemError(`Ollama has no model ${bare} in ${folders.join(' or ')}`, {
    code: 'MODEL_NOT_FOUND',
    hint: `${near == null ? '' : `Did you mean ollama:${near}? `}${what}. Fetch it with \`ollama pull ${bare}\`; OLLAMA_MODELS names another folder.`,
    kind: 'usage',
  })
}

function noGguf(name: OllamaName, layers: readonly { mediaType: string }[]): LlemError {
  return layers.some(({ mediaType }) => mediaType.startsWith(TENSOR))
    ? unreadable(name, 'it is kept as tensors, not as GGUF', 'Use -b ollama, which runs it.')
    : unreadable(name, 'it has no weights on this machine', 'Use -b ollama, or another model.')
}

function unreadable({ name }: OllamaName, why: string, hint: string, cause?: unknown): LlemError {
  return new LlemError(`the model ${name} cannot be read because ${why}`, {
    code: 'MODEL_UNREADABLE',
    hint,
    kind: 'usage',
    cause,
  })
}
