import { z } from 'zod'

/** A file of prompts, by its name. */
export const PROMPT_FILE = /^[^\p{Cc}]+\.(jsonl|ndjson|json|txt|csv|tsv|parquet)$/u
/** Of those, the ones whose entries have fields. */
export const TABLE_FILE = /\.(jsonl|ndjson|json|csv|tsv|parquet)$/

const seed = z
  .int()
  .min(0)
  .max(2 ** 32 - 1)

const synthetic = z.strictObject({
  input_len: z.int().min(1).default(128).meta({ description: 'Length of each prompt.', unit: 'tokens' }),
  output_len: z
    .int()
    .min(1)
    .default(128)
    .meta({ description: 'Tokens to generate for each prompt.', unit: 'tokens' }),
  seed: seed.default(42).meta({ description: 'Seed of the generated prompts.' }),
})

/** `prompts`: where the prompts come from. */
export const prompts = z
  .union([
    z.literal('builtin'),
    z.string().regex(PROMPT_FILE),
    z.string().regex(/^hf:[\w.-]+(\/[\w.-]+)?(:[^:\p{Cc}]*){0,3}$/u),
    z.strictObject({
      synthetic: synthetic.meta({ description: 'Prompts of one exact length, made from a seed.' }),
    }),
  ])
  .default('builtin')
  .meta({
    description:
      'Where the prompts come from: the built-in list, a file, a data set of the Hugging Face hub, or synthetic.',
    expects:
      'builtin, the path of a .jsonl, .json, .txt, .csv, .tsv or .parquet file, hf:owner/name[:config[:split[:column]]], or { synthetic: { ... } }',
  })

/** `dataset`: which prompts of the source, and in what order. */
export const dataset = z
  .strictObject({
    column: z
      .string()
      .regex(/^[^\p{Cc}]+$/u)
      .nullable()
      .default(null)
      .meta({
        description:
          'The column or field with the prompts, text or a conversation, of which the messages of the system and the first of the user are taken; null finds it: text, prompt, question, instruction (with its input), content, messages, conversations, turns, else the only column of text.',
        expects: 'the name of a column (not empty, no control characters) or null',
      }),
    order: z.enum(['interleaved', 'grouped', 'shuffled']).default('interleaved').meta({
      description:
        'The order of the first n_prompts of the source: interleaved is its own (the built-in prompts take turns by task), grouped is from short to long, shuffled is drawn from dataset.seed.',
    }),
    seed: seed.default(42).meta({ description: 'Seed of the shuffled order.' }),
    max_input_tokens: z.int().min(1).nullable().default(null).meta({
      description: 'Cut prompts to so many tokens; null cuts only what does not fit in the context.',
      unit: 'tokens',
    }),
  })
  .prefault({})
  .meta({ description: 'Which prompts of the source, and in what order.' })

/** `generation`: what is generated for each prompt. */
export const generation = z
  .strictObject({
    max_tokens: z
      .int()
      .min(1)
      .default(128)
      .meta({ description: 'Most tokens to generate for one prompt.', unit: 'tokens' }),
    temperature: z
      .number()
      .min(0)
      .max(2)
      .default(0)
      .meta({ description: 'Sampling temperature; 0 always takes the likeliest token.' }),
    top_p: z.number().gt(0).max(1).default(1).meta({
      description: 'Sample from the likeliest tokens that together have this probability; 1 is off.',
    }),
    top_k: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'Sample from this many of the likeliest tokens; null is off.', unit: 'tokens' }),
    seed: seed.default(42).meta({ description: 'Seed of the sampling.' }),
    ignore_eos: z.boolean().default(false).meta({
      description:
        'Generate max_tokens even after the end-of-sequence token, so that every run has equal work.',
    }),
  })
  .prefault({})
  .meta({ description: 'What is generated for each prompt.' })
