import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { benchCommands } from '../../dist/import/vllm-bench/command-lines.js'
import { EXAMPLE_CAMPAIGN } from '../../src/campaign/examples.js'
import { type CampaignPlan, planOf } from '../../src/campaign/plan.js'
import type { FileLayer } from '../../src/config/config-file.js'
import { configHash } from '../../src/config/config-hash.js'
import { loadExperimentConfig } from '../../src/config/load.js'
import { loadCampaign } from '../../src/config/load-campaign.js'
import { type Problem, renderProblems } from '../../src/config/problems.js'
import type { ExperimentConfig } from '../../src/config/schema.js'
import { importFile, layerOf } from '../../src/import/import.js'
import type { Imported } from '../../src/import/reading.js'
import { yamlOf } from '../../src/import/write.js'

const folder = mkdtempSync(join(tmpdir(), 'llem-import-'))
afterAll(() => rmSync(folder, { recursive: true }))

const files = fileURLToPath(new URL('files/', import.meta.url))

function imported(name: string): Imported {
  const found = importFile(join(files, name))
  if (found === null) throw new Error(`${name} was not recognised`)
  return found
}

type Source = { file: FileLayer } | { text: string }
type Read = { problems: Problem[] } | { plan: CampaignPlan } | { config: ExperimentConfig; hash: string }

/** What llem would run. */
function readAs(kind: Imported['kind'], source: Source): Read {
  if (kind === 'campaign') {
    const loaded = loadCampaign({ path: 'c.yaml', ...source })
    return loaded.ok ? { plan: planOf(loaded) } : { problems: loaded.problems }
  }
  const loaded = loadExperimentConfig({ path: 'e.yaml', ...source })
  return loaded.ok
    ? { config: loaded.config, hash: configHash(loaded.config) }
    : { problems: loaded.problems }
}

function problemsOf(name: string): string[] {
  const found = imported(name)
  const read = readAs(found.kind, { file: layerOf(found, name) })
  return 'problems' in read ? renderProblems(read.problems).replaceAll(files, '').split('\n') : []
}

/** Each with how many experiments it is, and the keys without a counterpart that matter, with their lines. */
const SOUND: [name: string, experiments: number, lost: string[]][] = [
  ['bench-random.sh', 1, []],
  ['bench-several.txt', 2, ['--dataset-name@1', '--burstiness@2']],
  ['v1-campaign-configs.yaml', 2, []],
  ['v1-campaign-grid.yaml', 32, []],
  ['v1-cycles.yaml', 1, []],
  ['v1-decoder-creative.yaml', 1, []],
  ['v1-decoder-greedy.yaml', 1, ['decoder.repetition_penalty@3']],
  ['v1-minimal.yaml', 1, []],
  ['v1-parallel-pytorch.yaml', 1, ['batching.strategy@6', 'batching.max_tokens_per_batch@6']],
  ['v1-prompts-file.yaml', 1, []],
  ['v1-prompts-hub.yaml', 1, []],
  ['v1-pytorch-batch.yaml', 1, []],
  ['v1-quantised.yaml', 1, ['pytorch.bnb_4bit_use_double_quant@10', 'pytorch.torch_compile@11']],
  ['v1-schedule.yaml', 1, ['schedule@3']],
  ['v1-sharding.yaml', 1, []],
  ['v1-tensorrt.yaml', 1, ['fp_precision@4', 'tensorrt.builder_opt_level@10', 'tensorrt.quantization@14']],
  ['v1-traffic.yaml', 1, []],
  ['v1-vllm-everything.yaml', 1, []],
  ['v2-experiment.yaml', 1, ['max_output_tokens@8', 'baseline.strategy@12']],
  ['v2-experiments.yaml', 3, []],
  ['v2-hub-dataset.json', 1, []],
  [
    'v2-lora.yaml',
    1,
    [
      'transformers.num_beams@9',
      'transformers.prompt_lookup_num_tokens@10',
      'harness.transformers.allow_tf32@13',
      'passthrough_kwargs@14',
    ],
  ],
  ['v2-merge-keys.yaml', 2, []],
  ['v2-minimal.yaml', 1, []],
  ['v2-no-energy.yaml', 1, []],
  ['v2-odd-types.yaml', 1, []],
  ['v2-sampling.yaml', 1, []],
  ['v2-sweep-backends.yaml', 8, ['sweep.decoder.preset@7']],
  [
    'v2-sweep-groups.yaml',
    14,
    [
      'sweep.transformers.compile_quant.transformers.bnb_4bit_quant_type@24',
      'sweep.transformers.compile_quant.transformers.torch_compile_mode@26',
      'sweep.transformers.decoding.transformers.num_beams@29',
    ],
  ],
  ['v2-sweep.yaml', 6, ['sweep.pytorch.attn_implementation@8']],
  ['v2-synthetic.yaml', 1, []],
  [
    'v2-tensorrt.yaml',
    1,
    ['tensorrt.dtype@7', 'tensorrt.kv_cache_config.enable_block_reuse@8', 'tensorrt.quant_config@9'],
  ],
]

describe('files of other tools', () => {
  it('are all looked at here', () => {
    const typos = ['bench-typos.txt', 'v2-typos.yaml']
    expect(readdirSync(files).sort()).toEqual([...SOUND.map(([name]) => name), ...typos].sort())
    expect(SOUND.filter(([name]) => name.startsWith('v')).length).toBeGreaterThanOrEqual(30)
  })

  it.each(SOUND)('%s has no problem, and says what it loses', (name, experiments, lost) => {
    const found = imported(name)
    const read = readAs(found.kind, { file: layerOf(found, name) })
    expect('problems' in read ? renderProblems(read.problems) : '').toBe('')
    expect('plan' in read ? read.plan.experiments.length : 1).toBe(experiments)
    expect('plan' in read ? read.plan.filtered : []).toEqual([])
    const matters = found.lost.filter((each) => each.matters)
    expect(matters.map(({ key, place }) => `${key}@${/:(\d+):\d+$/.exec(place.where)?.[1]}`)).toEqual(lost)
  })

  it.each(SOUND)('%s is the same once it is written in the words of llem', (name) => {
    const found = imported(name)
    const direct = readAs(found.kind, { file: layerOf(found, name) })
    const text = yamlOf(found, name)
    expect(readAs(found.kind, { text })).toEqual(direct)
    const path = join(folder, 'written.yaml')
    writeFileSync(path, text)
    // It is a file of llem now.
    expect(importFile(path)).toBeNull()
  })

  it('tell all problems at once, where they are and what to type instead', () => {
    expect(problemsOf('v2-typos.yaml')).toEqual([
      'v2-typos.yaml:3:1: unknown key `precison`; did you mean `precision`?',
      'v2-typos.yaml:4:12: unknown key `decoder.temprature`; did you mean `decoder.temperature`?',
      'v2-typos.yaml:5:12: unknown key `pytorch.batchsize`; did you mean `pytorch.batch_size`?',
      'v2-typos.yaml:6:20: unknown key `blok_size` under `vllm`; did you mean `block_size`? if it is an argument of the engine that llem does not know: `vllm.args: [--blok_size, ...]`',
      'v2-typos.yaml:7:1: unknown key `max_output_token`; did you mean `max_output_tokens`?',
      'v2-typos.yaml:8:1: unknown key `datset`; did you mean `dataset`?',
    ])
    expect(problemsOf('bench-typos.txt')).toEqual([
      'bench-typos.txt:1:1: $ is for a shell to read; write the value itself, and leave pipes and redirections out',
      'bench-typos.txt:1:28: unknown option --num-prompt of `vllm bench serve`; did you mean `--num-prompts`?',
      expect.stringContaining('bench-typos.txt:1:43: load.request_rate must be a number above 0'),
      'bench-typos.txt:2:28: unknown option --max-concurency of `vllm bench serve`; did you mean `--max-concurrency`?',
    ])
  })
})

describe('what is read', () => {
  const configOf = (name: string) => {
    const read = readAs('experiment', { file: layerOf(imported(name), name) })
    if (!('config' in read)) throw new Error('it is no sound experiment')
    return read.config
  }

  it('has a preset below what is written beside it, and penalties in each request', () => {
    const { generation, vllm } = configOf('v1-decoder-creative.yaml')
    expect(generation).toMatchObject({ temperature: 0.9, top_p: 0.9, top_k: null, max_tokens: 96 })
    expect(vllm.extra_body).toEqual({ repetition_penalty: 1.1, min_p: 0.05 })
    expect(configOf('v1-decoder-greedy.yaml').generation).toMatchObject({ temperature: 0, top_k: 40 })
  })

  it('has the backend of the tool where the file names none, and words of YAML 1.1 as what they were', () => {
    expect(configOf('v2-odd-types.yaml')).toMatchObject({
      backend: 'pytorch',
      n_prompts: 50,
      generation: { max_tokens: 64 },
      pytorch: { trust_remote_code: true, compile: true, batch_size: 4 },
      baseline: { enabled: false },
    })
    expect(configOf('v2-no-energy.yaml')).toMatchObject({
      energy: { backend: null },
      timeseries: { save: false },
    })
  })

  it('has lengths of made prompts, GPUs and arguments of engines in their places', () => {
    expect(configOf('v2-synthetic.yaml')).toMatchObject({
      prompts: { synthetic: { input_len: 512, output_len: 200 } },
      n_prompts: 30,
      vllm: { max_model_len: 1024, kv_cache_dtype: 'fp8' },
    })
    expect(configOf('v1-sharding.yaml')).toMatchObject({
      energy: { devices: [0, 1] },
      vllm: {
        tensor_parallel_size: 2,
        env: { CUDA_VISIBLE_DEVICES: '0,1' },
        distributed_executor_backend: 'mp',
      },
    })
    expect(configOf('v2-tensorrt.yaml').tensorrt).toMatchObject({
      tp_size: 2,
      kv_cache_free_gpu_memory_fraction: 0.9,
    })
  })

  it('has a benchmark as the load that it is', () => {
    expect(configOf('bench-random.sh')).toMatchObject({
      backend: 'vllm',
      n_prompts: 200,
      prompts: { synthetic: { input_len: 512, output_len: 64, seed: 5 } },
      load: { request_rate: 8, concurrency: 32, seed: 5 },
      generation: { ignore_eos: true },
      vllm: { base_url: 'http://127.0.0.1:8000' },
    })
  })

  it('has comments on how each key was read, and at the end what has no counterpart', () => {
    const text = yamlOf(imported('v2-experiment.yaml'), 'v2-experiment.yaml').replaceAll(files, '')
    expect(text).toContain('# n (line 3)\nn_prompts: 50\n')
    expect(text).toContain('  # precision (line 6)\n  dtype: bfloat16\n')
    expect(text).toContain(
      '# No counterpart, so that something else is measured:\n#   max_output_tokens (v2-experiment.yaml:8:1): ',
    )
  })
})

describe('what says which experiments there are', () => {
  it('is refused where it is of another shape, never left away', () => {
    const path = join(folder, 'shapes.yaml')
    writeFileSync(
      path,
      'study_name: s\nmodel: m\nsweep: { precision: [fp16], decoder: [{}, 5] }\ngrid: 4\nexperiments: [{ n: 5 }, 7]\nconfigs: a.yaml\n',
    )
    const found = importFile(path)
    const read = found === null ? null : readAs(found.kind, { file: layerOf(found, path) })
    const problems = read !== null && 'problems' in read ? renderProblems(read.problems) : ''
    expect(problems.replaceAll(`${folder}/`, '').split('\n')).toEqual([
      'shapes.yaml:3:38: decoder mixes mappings and values; write each as a mapping, and {} for none',
      'shapes.yaml:4:7: grid must be a mapping of keys to lists',
      'shapes.yaml:5:25: experiments[1] must be a mapping of keys',
      'shapes.yaml:6:10: configs must be a list',
    ])
  })
})

describe('a file of llem with a slip', () => {
  it.each([
    'model: m\nmodel_name: n',
    'model: m\nprecision: fp16',
    'model: m\ngeneration: { max_new_tokens: 5 }',
    'model: m.gguf\nvllm: { engine: 3 }',
  ])('stays one: %j', (text) => {
    const path = join(folder, 'exp.yaml')
    writeFileSync(path, text)
    expect(importFile(path)).toBeNull()
  })

  it('is that of every example and generated file of llem', () => {
    const path = join(folder, 'c.yaml')
    for (const text of [
      EXAMPLE_CAMPAIGN,
      'campaign_name: c\nmodel: m\nsweep: { generation.max_tokens: [1, 2], model: [a, b] }\nn_cycles: 2',
    ]) {
      writeFileSync(path, text)
      expect(importFile(path)).toBeNull()
    }
  })
})

describe('a command line with a comment behind it', () => {
  it('is read up to it, and a # within a word or quotes is none', () => {
    const { commands, findings } = benchCommands(
      `vllm bench serve --model a#b --label 'x # y' # the small one; don't ask`,
      'c.sh',
    )
    expect(findings).toEqual([])
    expect(commands[0]?.args.map(({ text }) => text)).toEqual(['--model', 'a#b', '--label', 'x # y'])
  })
})

describe('hostile files', () => {
  it.each([
    'config_name: { a: 1 }\ndecoder: 5\ndataset: [1]\ngpus: {}\nsweep: null\nexperiments: 3',
    'decoder: { __proto__: 1, constructor: 2, toString: 3 }\nconstructor: { a: 1 }\nvllm: { engine: { __proto__: { x: 1 } } }',
    'study_name: [1]\nsweep: { "": [], a: [{}], b: [[1]], c: [{ d: { e: [] } }] }\ngrid: 4\nexecution: 5\nrunners: 3',
    'study_name: x\nsweep: { decoder.preset: [toString, constructor], backend: [constructor], precision: [{}, null] }',
    'config_name: "\\u001b[31m\\n# x"\nmodel_name: "a\\nb"\nschedule: []\nbatching: { strategy: { a: 1 } }\nlora: []\nsharding: 4',
    'task: { task: { task: 1 } }\nmeasurement: []\nharness: { harness: { x: 1 } }\ntransformers: [1]\nprompts: { type: 3, path: {} }',
    'fp_precision: &a [*a]',
    'fp_precision: !!python/object:os.system x',
  ])('end in problems, never in a crash: %j', (text) => {
    const path = join(folder, 'x.yaml')
    writeFileSync(path, text)
    const found = importFile(path)
    if (found === null) return
    const read = readAs(found.kind, { file: layerOf(found, path) })
    if ('problems' in read) expect(read.problems.every(({ where }) => where.startsWith(path))).toBe(true)
    // One line of a foreign file can become no line of the written one.
    for (const line of yamlOf(found, path).split('\n')) expect(line.includes('\u001b')).toBe(false)
  })
})
