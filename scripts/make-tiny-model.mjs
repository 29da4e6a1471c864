#!/usr/bin/env node
// Writes a small Llama model with random weights and a working tokenizer as GGUF v3, about 240 KB by default:
// real enough for llama.cpp to load and run, small enough for a test. The same arguments give the same bytes.
//
//   node scripts/make-tiny-model.mjs OUT.gguf [--layers 2] [--dim 64] [--heads 4] [--kv-heads 2] [--ff 128]
//     [--vocab 323] [--context 2048] [--experts 0] [--experts-used 2] [--type f16|f32] [--tied] [--seed 1]
//
// The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const ALIGNMENT = 32
const TYPE_F32 = 0
const TYPE_F16 = 1
const TOKEN = { unknown: 2, control: 3, normal: 1, byte: 6 }
const SPACE = '\u2581' // SentencePiece's mark for a space
const PIECES = [
  SPACE,
  ...'etaoinshrdlucmfwypvbgkjqxz.,',
  `${SPACE}t`,
  `${SPACE}a`,
  'he',
  'in',
  `${SPACE}the`,
  'er',
]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layers: { type: 'string', default: '2' },
    dim: { type: 'string', default: '64' },
    heads: { type: 'string', default: '4' },
    'kv-heads': { type: 'string', default: '2' },
    ff: { type: 'string', default: '128' },
    vocab: { type: 'string', default: '323' },
    context: { type: 'string', default: '2048' },
    experts: { type: 'string', default: '0' },
    'experts-used': { type: 'string', default: '2' },
    type: { type: 'string', default: 'f16' },
    tied: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
})
const [out] = positionals
if (out === undefined || !['f16', 'f32'].includes(values.type)) {
  console.error(
    'usage: node scripts/make-tiny-model.mjs OUT.gguf [--layers N] [--type f16|f32] ... (see the file)',
  )
  process.exit(2)
}
const shape = {
  layers: Number(values.layers),
  dim: Number(values.dim),
  heads: Number(values.heads),
  kvHeads: Number(values['kv-heads']),
  ff: Number(values.ff),
  vocab: Number(values.vocab),
  context: Number(values.context),
  experts: Number(values.experts),
  expertsUsed: Number(values['experts-used']),
}
const matrixType = values.type === 'f16' ? TYPE_F16 : TYPE_F32
const model = gguf(metadata(shape), tensors(shape), randomFrom(Number(values.seed)))
writeFileSync(out, model)
console.log(`${out}: ${model.length} bytes`)

function metadata({ layers, dim, heads, kvHeads, ff, vocab, context, experts, expertsUsed }) {
  const { pieces, types } = vocabulary(vocab)
  return [
    ['general.architecture', string('llama')],
    ['general.name', string('tiny-random')],
    ['general.alignment', u32(ALIGNMENT)],
    ['general.file_type', u32(matrixType === TYPE_F16 ? 1 : 0)],
    ['llama.context_length', u32(context)],
    ['llama.embedding_length', u32(dim)],
    ['llama.block_count', u32(layers)],
    ['llama.feed_forward_length', u32(ff)],
    ['llama.attention.head_count', u32(heads)],
    ['llama.attention.head_count_kv', u32(kvHeads)],
    ['llama.attention.layer_norm_rms_epsilon', f32(1e-5)],
    ['llama.rope.dimension_count', u32(dim / heads)],
    ['llama.vocab_size', u32(vocab)],
    ...(experts > 0 ? [['llama.expert_count', u32(experts)]] : []),
    ...(experts > 0 ? [['llama.expert_used_count', u32(expertsUsed)]] : []),
    ['tokenizer.ggml.model', string('llama')],
    ['tokenizer.ggml.tokens', array(pieces.map(string))],
    // Longer and earlier pieces score higher, so that merging prefers them.
    ['tokenizer.ggml.scores', array(pieces.map((_, index) => f32(-index)))],
    ['tokenizer.ggml.token_type', array(types.map(i32))],
    ['tokenizer.ggml.unknown_token_id', u32(0)],
    ['tokenizer.ggml.bos_token_id', u32(1)],
    ['tokenizer.ggml.eos_token_id', u32(2)],
    ['tokenizer.ggml.add_bos_token', bool(true)],
    ['tokenizer.ggml.add_eos_token', bool(false)],
  ]
}

/** Three special tokens, the 256 bytes as a fallback for any text, then common letters, syllables and fillers. */
function vocabulary(size) {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  )
  const words = Array.from({ length: size - 259 }, (_, index) => PIECES[index] ?? `${SPACE}w${index}`)
  return {
    pieces: ['<unk>', '<s>', '</s>', ...bytes, ...words],
    types: [
      TOKEN.unknown,
      TOKEN.control,
      TOKEN.control,
      ...bytes.map(() => TOKEN.byte),
      ...words.map(() => TOKEN.normal),
    ],
  }
}

/** Names and dimensions, the fastest dimension first; a single dimension is a norm. */
function tensors({ layers, dim, heads, kvHeads, ff, vocab, experts }) {
  const kvDim = (dim / heads) * kvHeads
  const feedForward =
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
  const block = [
    ['attn_norm', [dim]],
    ['attn_q', [dim, dim]],
    ['attn_k', [dim, kvDim]],
    ['attn_v', [dim, kvDim]],
    ['attn_output', [dim, dim]],
    ['ffn_norm', [dim]],
    ...feedForward,
  ]
  const blocks = Array.from({ length: layers }, (_, layer) =>
    block.map(([name, dimensions]) => ({ name: `blk.${layer}.${name}.weight`, dimensions })),
  )
  return [
    { name: 'token_embd.weight', dimensions: [dim, vocab] },
    ...blocks.flat(),
    { name: 'output_norm.weight', dimensions: [dim] },
    ...(values.tied ? [] : [{ name: 'output.weight', dimensions: [dim, vocab] }]),
  ]
}

function gguf(keys, list, random) {
  const infos = []
  const data = []
  let offset = 0
  for (const { name, dimensions } of list) {
    // llama.cpp wants norms in F32, and its router too.
    const type = dimensions.length === 1 || name.includes('ffn_gate_inp') ? TYPE_F32 : matrixType
    const bytes = padded(weights(dimensions, type, random))
    infos.push(text(name), raw32(dimensions.length), ...dimensions.map(raw64), raw32(type), raw64(offset))
    data.push(bytes)
    offset += bytes.length
  }
  const head = [Buffer.from('GGUF'), raw32(3), raw64(list.length), raw64(keys.length)]
  const pairs = keys.flatMap(([key, value]) => [text(key), raw32(value.type), value.bytes])
  return Buffer.concat([padded(Buffer.concat([...head, ...pairs, ...infos])), ...data])
}

/** Ones for norms; matrices uniform and scaled by their fan-in, so that activations neither vanish nor explode. */
function weights(dimensions, type, random) {
  const count = dimensions.reduce((product, size) => product * size, 1)
  const bytes = Buffer.alloc(count * (type === TYPE_F16 ? 2 : 4))
  const spread = Math.sqrt(3 / dimensions[0])
  for (let index = 0; index < count; index++) {
    const value = dimensions.length === 1 ? 1 : (2 * random() - 1) * spread
    if (type === TYPE_F16) bytes.writeUInt16LE(half(value), index * 2)
    else bytes.writeFloatLE(value, index * 4)
  }
  return bytes
}

/** IEEE half precision, rounded towards zero; what is too small for a normal number becomes 0. */
function half(value) {
  const bits = new Uint32Array(new Float32Array([value]).buffer)[0]
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15
  return exponent <= 0 ? sign : sign | (exponent << 10) | ((bits >>> 13) & 0x3ff)
}

/** mulberry32: 32 bits of state are plenty for weights that mean nothing. */
function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)])
}

function raw32(value) {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function raw64(value) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function text(value) {
  const bytes = Buffer.from(value, 'utf8')
  return Buffer.concat([raw64(bytes.length), bytes])
}

function u32(value) {
  return { type: 4, bytes: raw32(value) }
}

function i32(value) {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return { type: 5, bytes }
}

function f32(value) {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return { type: 6, bytes }
}

function bool(value) {
  return { type: 7, bytes: Buffer.from([value ? 1 : 0]) }
}

function string(value) {
  return { type: 8, bytes: text(value) }
}

function array(items) {
  const bytes = Buffer.concat(items.map((item) => item.bytes))
  return { type: 9, bytes: Buffer.concat([raw32(items[0].type), raw64(items.length), bytes]) }
}
