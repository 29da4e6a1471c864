// The commands for those who come with something: a benchmark that they already run, or nothing at all.

import {
  type CommandLine,
  collect,
  deviceList,
  examples,
  interval,
  SIMULATE,
  withShare,
} from './command-line.js'

export const WAY_IN: readonly CommandLine[] = [
  {
    name: 'attach',
    define: (command) =>
      withShare(command)
        .summary('measure a benchmark that you already run')
        .description(
          'Runs a benchmark unchanged, measures it as `llem exec` does, and finds its own result: joules per token, per request and per phase beside its numbers. It knows the results of vLLM’s `bench serve` (--save-result), AIPerf, guidellm, llama-bench (-o json, jsonl or md), lm-eval and trtllm-bench. Exit code and signals pass through.',
        )
        .argument('<command...>', 'after --: the benchmark and its arguments')
        .passThroughOptions()
        .option('--interval-ms <ms>', 'power interval, 1 to 5000', interval, 10)
        .option('--devices <list>', 'GPU indices or UUIDs, separated by commas', deviceList)
        .option(
          '-o, --output-dir <dir>',
          'write result.json, requests.jsonl, timeseries.parquet and samples.parquet below this folder',
        )
        .option('--require-energy', 'exit with code 1 where there is no energy in the end')
        .option(
          '--external <[scope=]command>',
          'read a meter outside of the GPUs too, as with `llem exec`; once for each',
          collect,
        )
        .option(...SIMULATE)
        .option('--json', 'print the result as JSON; what the benchmark prints goes to stderr')
        .option('-q, --quiet', 'print nothing but what the benchmark prints')
        .option('-v, --verbose', 'say more: the sampler’s own cost, stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem attach -- llama-bench -m model.gguf', 'joules per token of each test'],
            [
              'llem attach -- vllm bench serve --model M --save-result --save-detailed',
              'with the joules of each request',
            ],
            [
              'llem attach --json -- aiperf profile -m M --url localhost:8000 > energy.json',
              'for a program to read',
            ],
          ),
        )
        .action(async (args: string[], options) => {
          const { attachCommand } = await import('./attach.js')
          await attachCommand(args, options)
        }),
  },
  {
    name: 'init',
    define: (command) =>
      command
        .summary('write an experiment for this machine')
        .description(
          'Looks for GPUs, models and inference servers, asks three questions, and writes a commented experiment or campaign that runs. Without a terminal, or with --yes, it asks none and says what it chose. The path goes to stdout. Never over a file that is there.',
        )
        .option('-o, --output <file>', 'where to (default: experiment.yaml or campaign.yaml)')
        .option('-y, --yes', 'ask nothing: the nearest model, one experiment, a first number')
        .option('--force', 'write over the file that is there')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem init', 'three questions'],
            ['llem run "$(llem init --yes)" --dry-run', 'none, and what would be run'],
          ),
        )
        .action(async (options) => {
          const { init } = await import('./init.js')
          await init(options)
        }),
  },
]
