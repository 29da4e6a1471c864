// What a server says that one of its names stands for (vLLM: `root`), held against the model that was asked for. One
// server gives the same weights as many names as it is told to, so that a name alone proves nothing.

import { isGeneric, isPath, isSameModel, plain, stepsOf } from './model-names.js'

/** `unclear`: the two cannot be compared, such as an alias and a path. */
export type RootVerdict = 'same' | 'other' | 'unclear'

/** Whether `root` is the model `asked`, certainly another one, or nobody can tell. */
export function rootVerdict(asked: string, root: string): RootVerdict {
  if (isSameModel(asked, root) || isSameModel(root, asked)) return 'same'
  const [a, b] = [namesOf(asked), namesOf(root)]
  if (areOtherSizes(a.name, b.name)) return 'other'
  if (a.name === b.name && !isGeneric(a.name))
    return a.owner === null || b.owner === null || a.owner === b.owner ? 'same' : 'unclear'
  if (a.owner === null || b.owner === null) return 'unclear'
  // Older vLLM gives an adapter the root of its base and no parent. Many write the maker's name before a model's own.
  const isAdapter = ADAPTER.test(a.name) || ADAPTER.test(b.name)
  const isWithMaker = a.name.endsWith(`-${b.name}`) || b.name.endsWith(`-${a.name}`)
  return isAdapter || isWithMaker ? 'unclear' : 'other'
}

interface Names {
  /** Null of a path and of a name alone. */
  owner: string | null
  /** Without what says how its weights are packed. */
  name: string
}

const ADAPTER = /(?:^|[-_.])(?:q?lora|adapter|peft)(?:$|[-_.])/

/** Folders that are no owner. */
const FOLDERS = /^(?:models?|weights|checkpoints?|ckpts?|data|outputs?|cache|hub)$/

function namesOf(text: string): Names {
  const steps = stepsOf(plain(text))
  const [owner = ''] = steps
  const isCached = text.includes('models--')
  const isId = steps.length === 2 && !text.includes('://') && !FOLDERS.test(owner) && !isPath(plain(text))
  return { owner: isCached || isId ? owner : null, name: unpacked(steps.at(-1) ?? '') }
}

const PACKING =
  /[-_.:](?:awq|gptq|gguf|mlx|bnb|hqq|aqlm|exl[23]|marlin|autoround|dwq|unsloth|quantized|quantised|dynamic|static|(?:nv|mx)?fp[48]|fp16|bf16|f16|f32|u?int[48]|w\d+a\d+|[2-8]-?bits?|g\d+|\d+g|i?q\d\w*|hf)$/

/** One model packed in two ways is one model here: how it is packed has a place of its own in a result. */
function unpacked(name: string): string {
  let short = name
  while (PACKING.test(short)) short = short.replace(PACKING, '')
  return short === '' ? name : short
}

/** "7b" and "70b" are no two ways to write one model. */
function areOtherSizes(a: string, b: string): boolean {
  const [own, other] = [sizesIn(a), sizesIn(b)]
  return own.length > 0 && other.length > 0 && !own.some((size) => other.includes(size))
}

function sizesIn(name: string): string[] {
  return name.match(/(?<![a-z\d.])(?:\d+x)?\d+(?:\.\d+)?[bm](?![a-z\d])/g) ?? []
}
