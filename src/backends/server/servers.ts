// Every backend that is a server. A new one is a file in named/, its options beside it, and a line here.

import type { InferenceBackend } from '../backend.js'
import { llamaServer } from './named/llama-server.js'
import { lmstudio } from './named/lmstudio.js'
import { ollama } from './named/ollama.js'
import { sglang } from './named/sglang.js'
import { tgi } from './named/tgi.js'
import { server } from './server.js'
import { tensorrt } from './tensorrt.js'
import { vllm } from './vllm.js'

export const serverBackends: readonly InferenceBackend[] = [
  ...[vllm, tensorrt, sglang, tgi, llamaServer, ollama, lmstudio, server],
]
