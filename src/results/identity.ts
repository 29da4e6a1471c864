import { z } from 'zod'

// What was asked for, what that was taken to be, and what was seen to answer, side by side. Null is unknown.

const count = z.number().int().nonnegative()
const text = z.string().nullable()

/** The very weights of a model that was asked for by name. */
export const modelSourceSchema = z.object({
  /** "hf": the Hugging Face hub; "ollama": Ollama's store on this machine. */
  registry: z.enum(['hf', 'ollama']),
  /** OWNER/NAME; of Ollama its host, namespace, name and tag. */
  repository: z.string(),
  /** The branch, tag or commit that was asked for; null of Ollama. */
  revision: text,
  /** The commit that this was; null of Ollama, which has none. */
  commit: text,
  /** SHA-256 of Ollama's manifest, which `ollama list` begins to show; null of the hub. */
  manifest_sha256: text,
  files: z.array(
    z.object({
      path: z.string(),
      bytes: count,
      /** Of what the file holds; null of small files, and where the cache does not tell it. */
      sha256: text,
    }),
  ),
})
export type ModelSource = z.infer<typeof modelSourceSchema>

export const identitySchema = z.object({
  /** As the configuration says; null leaves it to the backend. */
  asked: z.object({
    model: z.string(),
    /** The name in requests, and the one by which the server may answer. */
    name: text,
    served_as: text,
    context_size: count.nullable(),
    dtype: text,
    quantisation: text,
    /** GPUs that share each layer, or one for each process. */
    gpus: count.nullable(),
  }),
  resolved: z.object({
    /** The name in requests; of a worker that loads the model itself, what it loaded. */
    name: z.string(),
    /**
     * By what that is the model that was asked for: "listed" by the server, "alike" (as a path is like the name of its
     * file), by the "root" of a listed name, by a "pattern" of its list, "named" by the configuration, "served_as" as that
     * says, "started" with it by llem, by the path that the server tells ("told_path"), "loaded" by the worker itself;
     * "unlisted": the server lists nothing, so that only its answers tell.
     */
    by: z.enum([
      'listed',
      'alike',
      'root',
      'pattern',
      'named',
      'served_as',
      'started',
      'told_path',
      'unlisted',
      'loaded',
    ]),
    /** The GPUs that the children of llem were given; null: they saw what llem saw. */
    gpu_uuids: z.array(z.string()).nullable(),
  }),
  /** Where the model came from, of one that llem found by its name; null: it was a path, or the backend knows it itself. */
  source: modelSourceSchema.nullable().optional(),
  observed: z.object({
    /** The id in the server's list, its owner there, and what it stands for: weights, and of an adapter its base. */
    model: text,
    owner: text,
    root: text,
    parent: text,
    /** `model` of the answers, with how many gave each. */
    answered: z.array(z.object({ model: z.string(), answers: count })).nullable(),
    engine: text,
    engine_version: text,
    context_size: count.nullable(),
    dtype: text,
    quantisation: text,
    /** GPUs that share each layer, stages after one another, and whole copies. */
    tensor_parallel: count.nullable(),
    pipeline_parallel: count.nullable(),
    data_parallel: count.nullable(),
    /** The GPUs that the worker says it uses. */
    gpu_uuids: z.array(z.string()).nullable(),
    /** Field name -> why it is null. */
    reasons: z.record(z.string(), z.string()),
  }),
})
export type Identity = z.infer<typeof identitySchema>
