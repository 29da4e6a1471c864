// Which names mean one model. Both mistakes cost: a model that is taken for another, and one that is not known again.

import { describe, expect, it } from 'vitest'
import { likenessOf } from '../../dist/core/model-names.js'
import { rootVerdict } from '../../dist/core/model-roots.js'

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
      '/models/cache/huggingface/hub/models--meta-llama--Llama-3.1-8B/snapshots/0e9e39f',
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

describe('what a name stands for on a server', () => {
  it.for([
    // asked, root of the name
    ['acme/B-7b', 'acme/A-7b', 'other'],
    ['acme/zeta-7b', 'acme/zeta-70b-fp8', 'other'],
    ['zeta-7b', '/models/zeta-70b', 'other'],
    ['acme/zeta-7b', '/models/zeta-70b', 'other'],
    ['Qwen/Qwen2.5-1.5B', 'Qwen/Qwen2.5-0.5B', 'other'],
    ['mistralai/Mixtral-8x7B-v0.1', 'mistralai/Mistral-7B-v0.1', 'other'],
    ['meta-llama/Llama-3.1-8B', 'meta-llama/Llama-3.1-8B-Instruct', 'other'],
    ['acme/B-7b', '/hub/models--acme--A-7b/snapshots/0e9e39f', 'other'],
    ['acme/A-7b', 'acme/A-7b', 'same'],
    ['acme/A-7b', '/models/A-7b', 'same'],
    ['acme/A-7b', '/hub/models--acme--A-7b/snapshots/0e9e39f', 'same'],
    ['/models/A-7b', 'acme/A-7b', 'same'],
    // How the weights are packed
    ['acme/A-7b', 'acme/A-7b-AWQ', 'same'],
    ['acme/A-7b', '/models/A-7b-GPTQ-Int4', 'same'],
    ['acme/A-7b-FP8', 'acme/A-7b', 'same'],
    ['acme/A-7b', '/models/A-7b.Q4_K_M.gguf', 'same'],
    ['acme/A-7b', 'packers/A-7b-AWQ', 'unclear'],
    ['meta-llama/Llama-3.1-8B-Instruct', 'packers/Meta-Llama-3.1-8B-Instruct-AWQ-INT4', 'unclear'],
    // What cannot be compared
    ['gpt-3.5-turbo', 'acme/A-7b', 'unclear'],
    ['fast', '/models/llama', 'unclear'],
    ['acme/A-7b', '/models/model', 'unclear'],
    ['acme/A-7b', 's3://bucket/weights', 'unclear'],
    ['acme/A-7b', 'models/other', 'unclear'],
    ['acme/sql-lora', 'acme/A-7b', 'unclear'],
  ] as const)('%s beside %s is %s', ([asked, root, verdict]) => {
    expect(rootVerdict(asked, root)).toBe(verdict)
  })
})
