// Which names mean one model. Both mistakes cost: a model that is taken for another, and one that is not known again.

import { describe, expect, it } from 'vitest'
import { likenessOf } from '../../dist/core/model-names.js'

describe('the same model', () => {
  it.for([
    // asked, told by the server, how
    ['meta-llama/Llama-3.1-8B-Instruct', 'meta-llama/Llama-3.1-8B-Instruct', 'same'],
    // Ollama
    ['llama3.2', 'llama3.2:latest', 'same'],
    ['llama3.2:latest', 'llama3.2', 'same'],
    ['llama3.2:1b', 'llama3.2:1b', 'same'],
    // LM Studio writes small letters and leaves the owner out
    ['Qwen/Qwen3-4B-2507', 'qwen/qwen3-4b-2507', 'same'],
    ['lmstudio-community/Meta-Llama-3.1-8B-Instruct', 'meta-llama-3.1-8b-instruct', 'alike'],
    // trtllm-serve and llama-server name a model after its folder or file
    ['/models/Llama-3.1-8B', 'Llama-3.1-8B', 'alike'],
    ['meta-llama/Llama-3.1-8B', '/models/meta-llama/Llama-3.1-8B', 'alike'],
    ['meta-llama/Llama-3.1-8B', '/data/Llama-3.1-8B', 'alike'],
    ['/home/me/tiny-q8.gguf', 'tiny-q8.gguf', 'alike'],
    ['tiny-q8.gguf', 'tiny-q8', 'alike'],
    ['./models/tiny-q8.gguf', '/models/tiny-q8.gguf', 'alike'],
    ['/a/big-00001-of-00004.gguf', 'big', 'alike'],
    ['/models/tiny/', '/models/tiny', 'same'],
    ['C:\\models\\tiny-q8.gguf', 'tiny-q8.gguf', 'alike'],
    // The cache of Hugging Face
    [
      'meta-llama/Llama-3.1-8B',
      '/root/.cache/huggingface/hub/models--meta-llama--Llama-3.1-8B/snapshots/0e9e39f',
      'alike',
    ],
    // llama-server -hf
    ['ggml-org/gemma-3-4b-it-GGUF', 'ggml-org/gemma-3-4b-it-GGUF:Q4_K_M', 'alike'],
    // Services and proxies
    ['gpt-4o', 'gpt-4o-2024-08-06', 'alike'],
    ['claude-3-5-sonnet', 'claude-3-5-sonnet-20241022', 'alike'],
    ['openai/gpt-4o', 'gpt-4o-2024-08-06', 'alike'],
    ['openai/gpt-4o', 'gpt-4o', 'alike'],
    ['gpt-4o', 'openai/gpt-4o', 'alike'],
    ['openai/gpt-4o', 'openai/*', 'pattern'],
    ['openai/gpt-4o', '*', 'pattern'],
    ['bedrock/us.meta.llama3', 'bedrock/*.llama3', 'pattern'],
  ] as const)('%s is %s', ([asked, told, how]) => {
    expect(likenessOf(asked, told)).toBe(how)
  })
})

describe('another model', () => {
  it.for([
    ['meta-llama/Llama-3.1-8B', 'meta-llama/Llama-3.1-8B-Instruct'],
    ['meta-llama/Llama-3.1-8B-Instruct', 'meta-llama/Llama-3.1-8B'],
    ['meta-llama/Llama-3.1-8B', 'unsloth/Llama-3.1-8B'],
    ['llama3.2', 'llama3.2:1b'],
    ['llama3.2:1b', 'llama3.2:latest'],
    ['llama3.2:1b', 'llama3.2:3b'],
    ['qwen3-4b', 'qwen3-4b-2507'],
    ['deepseek-v3', 'deepseek-v3-0324'],
    ['gpt-4o-2024-08-06', 'gpt-4o'],
    ['gpt-4o', 'gpt-4o-mini'],
    ['gpt-4o-mini', 'gpt-4o'],
    ['/a/tiny-q8.gguf', '/a/tiny-q4.gguf'],
    ['/llama/model.gguf', '/mistral/model.gguf'],
    ['/llama/model.gguf', 'model.gguf'],
    ['/llama/ggml-model-q4_0.gguf', '/mistral/ggml-model-q4_0.gguf'],
    ['owner/a', 'default'],
    ['anthropic/claude', 'openai/*'],
    ['gpt-4', 'gpt-4?*'],
    ['gpt-4', ''],
    ['A', 'B'],
    ['sql-lora', 'meta-llama/Llama-3.1-8B'],
    ['ggml-org/gemma-3-4b-it-GGUF:Q8_0', 'ggml-org/gemma-3-4b-it-GGUF:Q4_K_M'],
  ] as const)('%s is not %s', ([asked, told]) => {
    expect(likenessOf(asked, told)).toBeNull()
  })
})
