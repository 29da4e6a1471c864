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
  /** Whether the backend is installed that runs a model here. */
  hasBackend: boolean
}

export const INSTALL = 'llem backend install llamacpp'

/** A server needs none. */
export function needsInstall({ subject, hasBackend }: Choices): boolean {
  return subject.kind !== 'server' && !hasBackend
}

/** Where nothing else is near: small, and without a licence to be accepted. */
export const SMALL_MODEL = 'hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M'

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
    ...(needsInstall(choices) ? [`# It needs the backend once: ${INSTALL}`] : []),
    isCampaign ? line('campaign_name', 'first campaign') : line('experiment_name', 'first experiment'),
    '',
    ...subjectLines(subject),
    '',
    isCareful
      ? line('n_prompts', '100', 'more of them: a smaller interval')
      : line('n_prompts', '20', 'a first number; 100 and more for one to quote'),
    'generation:',
    line('  max_tokens', '128', 'the most tokens of an answer'),
    '  # ignore_eos: true                # every answer that long: equal work in every run',
    ...(isCareful
      ? []
      : [
          'baseline:',
          line('  duration_sec', '10', 'idle power, read before the model is loaded'),
          'warmup:',
          line('  max_prompts', '10', 'it ends sooner where latencies are steady'),
          line('  thermal_floor_seconds', '0', 'for one to quote leave the default of 60'),
        ]),
    ...(isCampaign ? ['', ...campaignLines(subject, isCareful)] : []),
    '',
  ].join('\n')
}

function subjectLines(subject: Subject): string[] {
  const value = (text: string) => stringify(text).trimEnd()
  if (subject.kind !== 'server')
    return [
      line('model', value(subject.model), ...(subject.kind === 'hub' ? ['fetched once'] : [])),
      line('backend', 'llamacpp', 'the embedded llama.cpp; or pytorch, vllm, tensorrt, server'),
    ]
  return [
    line('model', value(subject.model)),
    line('backend', 'server', `${subject.engine ?? 'it speaks the API of OpenAI'}, as it was found`),
    'server:',
    line('  base_url', value(subject.url)),
    'load:',
    line('  concurrency', '4', 'requests in flight'),
  ]
}

/** Every combination of the grid is an experiment. */
function campaignLines(subject: Subject, isCareful: boolean): string[] {
  const axis =
    subject.kind === 'server'
      ? line('    load.concurrency', '[1, 4, 16]', 'in place of the one above')
      : line('    llamacpp.parallel', '[1, 4]', 'prompts at the same time')
  return [
    '# Every combination of these is an experiment.',
    'grid:',
    '  shared:',
    axis,
    '',
    'execution:',
    line('  cycles', isCareful ? '5' : '3', 'three give a confidence interval'),
    line('  config_gap_seconds', isCareful ? '60' : '0', 'the GPU cools down in between'),
    line('  cycle_gap_seconds', isCareful ? '300' : '0'),
  ]
}

/** Comments stand below each other. */
function line(key: string, value: string, comment?: string): string {
  const written = `${key}: ${value}`
  return comment === undefined ? written : `${written.padEnd(33)} # ${comment}`
}
