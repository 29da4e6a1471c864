/** Whose server it is, which decides what it understands beyond OpenAI's API. */
export type Dialect = 'vllm' | 'tensorrt_llm' | 'llamacpp' | 'sglang' | 'openai'

const KNOWN = ['vllm', 'tensorrt_llm', 'llamacpp', 'sglang'] as const

/** By the name of its engine, or by the owner of its models where OpenAI says "openai". */
export function dialectOf(owner: string | null): Dialect {
  return KNOWN.find((dialect) => dialect === owner) ?? 'openai'
}
