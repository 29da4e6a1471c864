import { z } from 'zod'

const count = z.number().int().nonnegative()

/**
 * What a FLOPs estimate needs to know of a model; every backend fills it in from what it loaded. A field that
 * could not be found is null, and `reasons` says why under the field's name.
 */
export const modelFactsSchema = z.object({
  /** The family as the model file names it, e.g. "llama". */
  architecture: z.string().nullable(),
  parameters: z.object({
    /** Every stored weight once, experts all counted, packed weights by their logical count. */
    total: count.nullable(),
    /** Tables that are looked up, not multiplied: token embeddings, learned positions, token types. */
    embedding: count.nullable(),
    /**
     * N of "2 N FLOPs per token": weights that multiply each token. The output projection counts also where it
     * is tied to the embedding table, experts count as far as they are active, and vectors (norms, biases) do
     * not count, because they add or scale.
     */
    non_embedding_active: count.nullable(),
  }),
  /** True where the output projection is the token embedding table. */
  tied_embeddings: z.boolean().nullable(),
  /** Null for a dense model. */
  experts: z.object({ count, used: count }).nullable(),
  /** Null where the model has no attention, or where its shape differs from layer to layer. */
  attention: z
    .object({
      /** Layers that attend to tokens; in a hybrid the others have a state. */
      n_layers: count,
      n_heads: count,
      n_kv_heads: count,
      /** Where keys and values differ in size, the mean of both. */
      head_dim: count,
      /** So many of the layers see only the last `window` tokens; null or absent: every layer sees the whole context. */
      sliding: z.object({ window: count, layers: count }).nullable().optional(),
      /** So many see only the tokens of their own chunk of the context. */
      chunked: z.object({ size: count, layers: count }).nullable().optional(),
      /** So many layers keep a state of `values` numbers each instead of, or beside, attending (Mamba, linear attention). */
      state: z.object({ layers: count, values: count }).nullable().optional(),
    })
    .nullable(),
  vocab_size: count.nullable(),
  hidden_size: count.nullable(),
  feed_forward_size: count.nullable(),
  /** Tokens the model was trained to see at once. */
  context_length: count.nullable(),
  /** Field name -> why it is null. */
  reasons: z.record(z.string(), z.string()),
  /** What was taken for granted, in sentences; absent: nothing. */
  assumed: z.array(z.string()).optional(),
})

export type ModelFacts = z.infer<typeof modelFactsSchema>

/** The facts of a model of which nothing is known. `reasons`: field name -> why. */
export function unknownFacts(architecture: string | null, reasons: Record<string, string>): ModelFacts {
  return {
    architecture,
    parameters: { total: null, embedding: null, non_embedding_active: null },
    tied_embeddings: null,
    experts: null,
    attention: null,
    vocab_size: null,
    hidden_size: null,
    feed_forward_size: null,
    context_length: null,
    reasons,
  }
}
