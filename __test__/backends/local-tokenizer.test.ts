// The tokenizer of a model on this machine, held against the one of Python by the same makers.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { localTokenizer } from '../../dist/backends/server/local-tokenizer.js'
import { pythonWithTokenizers } from '../native/pyarrow.js'
import { scratchFolder } from '../native/scenario.js'

/** Trains a tokenizer of its own, and tells how many tokens each text has. */
const TRAIN = `
import json, sys
from tokenizers import Tokenizer, models, pre_tokenizers, decoders, trainers
kind, folder = sys.argv[1:3]
texts = json.load(sys.stdin)
if kind == "byte-level":
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
elif kind == "metaspace":
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=300, unk_token="<unk>", special_tokens=["<unk>"])
made.train_from_iterator(texts * 20, trainer)
made.save(folder + "/tokenizer.json")
print(json.dumps([len(made.encode(text, add_special_tokens=False).ids) for text in texts]))
`
/** The first of them installs its Python. */
const SLOW = { timeout: 120_000 }
const TEXTS = [
  'What does a token cost, in joules?',
  'The quick brown fox jumps over the lazy dog, twice: 3.14159 J and 2718 W.',
  'def energy(power_w, seconds):\n    return power_w * seconds\n\n\n',
  '能量是多少？ Größe, naïve café — 🦊',
  '',
]

describe('the tokenizer of a model on this machine', () => {
  it.for(['byte-level', 'metaspace'])('counts as that of Python does: %s', SLOW, async (kind, context) => {
    const folder = scratchFolder()
    const told = trained(kind, folder)
    if (typeof told === 'string') return context.skip(told)
    expect(await countsOf(folder)).toEqual(told)
  })

  it('is no witness where there is none', () => {
    expect(localTokenizer(scratchFolder())).toBeNull()
    expect(localTokenizer('nobody/has-this')).toBeNull()
  })

  const hanging = {
    model: { type: 'BPE', vocab: { a: 0 }, merges: [] },
    pre_tokenizer: { type: 'Split', pattern: { Regex: '^(a+)+$' }, behavior: 'Isolated' },
  }
  it.for<[string, string]>([
    ['is no JSON', '{'],
    ['is of a kind that nobody knows', '{"model":{"type":"Oracle","vocab":{}}}'],
    ['cannot write what it reads', '{"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}}'],
    ['takes for ever', JSON.stringify(hanging)],
  ])('is no witness where it %s', SLOW, async ([, text]) => {
    const folder = scratchFolder()
    writeFileSync(join(folder, 'tokenizer.json'), text)
    const startMs = performance.now()
    const count = localTokenizer(folder)
    const texts = [`${'a'.repeat(40)}!`, 'a', 'b']
    expect(await Promise.all(texts.map((each) => count?.(each)))).toEqual([null, null, null])
    expect(performance.now() - startMs).toBeLessThan(8000)
  })

  it('is found in the cache of the hub by the name of its model', SLOW, async (context) => {
    const hub = scratchFolder()
    const commit = 'c0ffee'.padEnd(40, '0')
    const model = join(hub, 'models--org--name')
    const folder = join(model, 'snapshots', commit)
    for (const made of [folder, join(model, 'refs')]) mkdirSync(made, { recursive: true })
    writeFileSync(join(model, 'refs', 'main'), commit)
    writeFileSync(join(folder, 'config.json'), '{}')
    const told = trained('byte-level', folder)
    if (typeof told === 'string') return context.skip(told)
    vi.stubEnv('HF_HUB_CACHE', hub)
    expect(await countsOf('org/name').finally(() => vi.unstubAllEnvs())).toEqual(told)
  })
})

async function countsOf(model: string): Promise<(number | null)[]> {
  const count = localTokenizer(model)
  if (count === null) throw new Error('there is no tokenizer')
  return await Promise.all(TEXTS.map(count))
}

/** How many tokens each text has, by a tokenizer whose file is in that folder then; a sentence where none can be made here. */
function trained(kind: string, folder: string): number[] | string {
  const found = pythonWithTokenizers()
  if ('missing' in found) return `tokenizers cannot be installed: ${found.missing}`
  return JSON.parse(
    `${execFileSync(found.python, ['-c', TRAIN, kind, folder], { input: JSON.stringify(TEXTS) })}`,
  )
}
