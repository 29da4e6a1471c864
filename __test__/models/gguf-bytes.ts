// Builds GGUF headers in memory for shapes whose weights would fill a disk.

type Value = string | number | boolean | number[]
export interface FakeTensor {
  name: string
  dimensions: number[]
  typeId?: number
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
export const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])

function encode(value: Value): Buffer {
  if (typeof value === 'string') return Buffer.concat([u32(8), text(value)])
  if (typeof value === 'boolean') return Buffer.concat([u32(7), Buffer.of(value ? 1 : 0)])
  if (typeof value === 'number') return Buffer.concat([u32(4), u32(value)])
  return Buffer.concat([u32(9), u32(4), u64(value.length), ...value.map(u32)])
}

/** The bytes of a header whose tensors lie one after the other; there are no data behind it. */
export function ggufBytes(metadata: Record<string, Value>, tensors: FakeTensor[], version = 3): Buffer {
  const pairs = Object.entries(metadata).map(([key, value]) => Buffer.concat([text(key), encode(value)]))
  let offset = 0
  const infos = tensors.map(({ name, dimensions, typeId = 1 }) => {
    const info = [text(name), u32(dimensions.length), ...dimensions.map(u64), u32(typeId), u64(offset)]
    offset += dimensions.reduce((product, size) => product * size, 2)
    return Buffer.concat(info)
  })
  const head = [Buffer.from('GGUF'), u32(version), u64(tensors.length), u64(pairs.length)]
  return Buffer.concat([...head, ...pairs, ...infos])
}

export interface LlamaShape {
  layers: number
  dim: number
  heads: number
  kvHeads: number
  ff: number
  vocab: number
  experts?: number
  expertsUsed?: number
  tied?: boolean
}

/** The header of a Llama-like model of this shape, as llama.cpp's converter writes it. */
export function llamaBytes(shape: LlamaShape, typeId = 1): Buffer {
  const { layers, dim, heads, kvHeads, ff, vocab, experts = 0, expertsUsed = 0, tied = false } = shape
  const kvDim = (dim / heads) * kvHeads
  const feedForward: Array<[string, number[]]> =
    experts > 0
      ? [
          ['ffn_gate_inp', [dim, experts]],
          ['ffn_gate_exps', [dim, ff, experts]],
          ['ffn_up_exps', [dim, ff, experts]],
          ['ffn_down_exps', [ff, dim, experts]],
        ]
      : [
          ['ffn_gate', [dim, ff]],
          ['ffn_up', [dim, ff]],
          ['ffn_down', [ff, dim]],
        ]
  const block: Array<[string, number[]]> = [
    ['attn_norm', [dim]],
    ['attn_q', [dim, dim]],
    ['attn_k', [dim, kvDim]],
    ['attn_v', [dim, kvDim]],
    ['attn_output', [dim, dim]],
    ['ffn_norm', [dim]],
    ...feedForward,
  ]
  const blocks = Array.from({ length: layers }, (_, layer) =>
    block.map(([name, dimensions]) => ({ name: `blk.${layer}.${name}.weight`, dimensions, typeId })),
  ).flat()
  const metadata = {
    'general.architecture': 'llama',
    'llama.block_count': layers,
    'llama.embedding_length': dim,
    'llama.feed_forward_length': ff,
    'llama.context_length': 131072,
    'llama.attention.head_count': heads,
    'llama.attention.head_count_kv': kvHeads,
    ...(experts > 0 ? { 'llama.expert_count': experts, 'llama.expert_used_count': expertsUsed } : {}),
  }
  return ggufBytes(metadata, [
    { name: 'rope_freqs.weight', dimensions: [dim / heads / 2], typeId: 0 },
    { name: 'token_embd.weight', dimensions: [dim, vocab], typeId },
    ...blocks,
    { name: 'output_norm.weight', dimensions: [dim], typeId: 0 },
    ...(tied ? [] : [{ name: 'output.weight', dimensions: [dim, vocab], typeId }]),
  ])
}
