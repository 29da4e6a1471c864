// What was chosen -> the text of an experiment or a campaign that runs, with a comment at each key that is worth a change.

import { stringify } from 'yaml'

/** What is to be measured. */
export type Subject =
  | { kind: 'file'; model: string }
  | { kind: 'server'; model: string; url: string; engine: string | null }
  | { kind: 'hub'; model: string }

export interface Choices {
  subject: Subject
  isCampaign: boolean
  /** One to quote, in place of a first one. */
  isCareful: boolean
  hasGpu: boolean
}

/** Where nothing else is near: small, and without a licence to be accepted. */
export const SMALL_MODEL = 'Qwen/Qwen2.5-0.5B-Instruct'

/** What has to be typed to run it. */
export function commandFor(path: string, { isCampaign, hasGpu }: Choices): string {
  return `llem ${isCampaign ? 'campaign' : 'run'} ${path}${hasGpu ? '' : ' --simulate'}`
}

export function initFile(path: string, choices: Choices): string {
  const { subject, isCampaign, isCareful, hasGpu } = choices
  const command = commandFor(path, choices)
  return [
    `# ${command} --dry-run     check it, and show what would run`,
    `# ${command}`,
    ...(hasGpu
      ? []
      : ['# No GPU was found here: without --simulate the CPU is measured, where it has energy counters.']),
    ...(subject.kind === 'file'
      ? ['# It needs the backend once: llem backend install llamacpp']
      : subject.kind === 'hub'
        ? ['# It needs the backend once: llem backend install pytorch']
        : []),
    ...(isCampaign ? ['campaign_name: first campaign'] : ['experiment_name: first experiment']),
    '',
    ...subjectLines(subject),
    '',
    ...(isCareful
      ? ['n_prompts: 100                      # more of them: a smaller interval']
      : ['n_prompts: 20                       # a first number; 100 and more for one to quote']),
    'generation:',
    '  max_tokens: 128                   # the most tokens of an answer',
    '  # ignore_eos: true                # every answer that long: equal work in every run',
    ...(isCareful
      ? []
      : [
          'baseline:',
          '  duration_sec: 10                  # idle power, read before the model is loaded',
          'warmup:',
          '  thermal_floor_seconds: 0          # for one to quote leave the default of 60',
        ]),
    ...(isCampaign ? ['', ...campaignLines(subject, isCareful)] : []),
    '',
  ].join('\n')
}

function subjectLines(subject: Subject): string[] {
  const value = (text: string) => stringify(text).trimEnd()
  if (subject.kind === 'file')
    return [
      `model: ${value(subject.model)}`,
      'backend: llamacpp                   # the embedded llama.cpp; or pytorch, vllm, tensorrt, server',
    ]
  if (subject.kind === 'hub')
    return [
      `model: ${value(subject.model)}   # an id or folder of Hugging Face`,
      'backend: pytorch                    # or llamacpp with a GGUF file, vllm, tensorrt, server',
    ]
  return [
    `model: ${value(subject.model)}`,
    `backend: server                     # ${subject.engine === null ? 'it speaks the API of OpenAI' : `${subject.engine} was found there`}`,
    'server:',
    `  base_url: ${value(subject.url)}`,
    'load:',
    '  concurrency: 4                    # requests in flight',
  ]
}

/** Every combination of the grid is an experiment. */
function campaignLines(subject: Subject, isCareful: boolean): string[] {
  const axis = {
    file: '    llamacpp.parallel: [1, 4]       # prompts at the same time',
    server: '    load.concurrency: [1, 4, 16]    # in place of the one above',
    hub: '    pytorch.batch_size: [1, 8]',
  }[subject.kind]
  return [
    '# Every combination of these is an experiment.',
    'grid:',
    '  shared:',
    axis,
    '',
    'execution:',
    `  cycles: ${isCareful ? 5 : 3}                         # three give a confidence interval`,
    `  config_gap_seconds: ${isCareful ? 60 : 0}            # the GPU cools down in between`,
    `  cycle_gap_seconds: ${isCareful ? 300 : 0}`,
  ]
}
