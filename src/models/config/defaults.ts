// What transformers' configuration classes say where a nested config.json says nothing (configuration_*.py): only what
// sizes a model, and only families that are published within another model.

type Defaults = Readonly<Record<string, number | boolean>>

const CLASS_DEFAULTS: Readonly<Record<string, Defaults>> = {
  gemma3_text: {
    ...{ vocab_size: 262208, hidden_size: 2304, intermediate_size: 9216, num_hidden_layers: 26 },
    ...{ num_attention_heads: 8, num_key_value_heads: 4, head_dim: 256, sliding_window: 4096 },
  },
  gemma3n_text: {
    ...{ vocab_size: 262400, hidden_size: 2048, intermediate_size: 16384, num_hidden_layers: 35 },
    ...{ num_attention_heads: 8, num_key_value_heads: 2, head_dim: 256, sliding_window: 512 },
  },
  llama: {
    ...{ vocab_size: 32000, hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32 },
    num_attention_heads: 32,
  },
  mistral: {
    ...{ vocab_size: 32000, hidden_size: 4096, intermediate_size: 14336, num_hidden_layers: 32 },
    ...{ num_attention_heads: 32, num_key_value_heads: 8 },
  },
  qwen2: {
    ...{ vocab_size: 151936, hidden_size: 4096, intermediate_size: 22016, num_hidden_layers: 32 },
    ...{ num_attention_heads: 32, num_key_value_heads: 32 },
  },
  gemma: {
    ...{ vocab_size: 256000, hidden_size: 3072, intermediate_size: 24576, num_hidden_layers: 28 },
    ...{ num_attention_heads: 16, num_key_value_heads: 16, head_dim: 256 },
  },
  gemma2: {
    ...{ vocab_size: 256000, hidden_size: 2304, intermediate_size: 9216, num_hidden_layers: 26 },
    ...{ num_attention_heads: 8, num_key_value_heads: 4, head_dim: 256, sliding_window: 4096 },
  },
  llama4_text: {
    ...{ vocab_size: 202048, hidden_size: 5120, intermediate_size: 8192, intermediate_size_mlp: 16384 },
    ...{ num_hidden_layers: 48, num_attention_heads: 40, num_key_value_heads: 8, head_dim: 128 },
    ...{ num_local_experts: 16, num_experts_per_tok: 1 },
  },
}

/** The families that have defaults here. */
export const DEFAULTED: readonly string[] = Object.keys(CLASS_DEFAULTS)

/** The defaults of a family's class; empty where it is not published within others. */
export function classDefaultsOf(modelType: string): Defaults {
  return Object.hasOwn(CLASS_DEFAULTS, modelType) ? (CLASS_DEFAULTS[modelType] ?? {}) : {}
}
