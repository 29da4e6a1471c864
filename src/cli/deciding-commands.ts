// What is typed to decide something: which of two is better, and how often to measure.

import { Option } from 'commander'
import { type CommandLine, collect, examples, share } from './command-line.js'

export const DECIDING: readonly CommandLine[] = [
  {
    name: 'compare',
    define: (command) =>
      command
        .summary('compare two results, campaigns or configurations')
        .description(
          'Says how many times as much B uses as A, how sure that is, and whether B is worse by more than a margin. Exit code 0: shown not to be; 3: shown to be; 4: not decided, with the number of further cycles that would decide; 1: it failed; 2: typed wrongly, or not alike.',
        )
        .argument(
          '<a>',
          'a folder of a result, of a campaign, CAMPAIGN/NAME for one of its experiments, or a reference',
        )
        .argument('[b]', 'what is compared with it (default: all experiments of A with one another)')
        .option(
          '--metric <name>',
          'what has to hold, repeatable (default: energy_per_output_token_j)',
          collect,
        )
        .addOption(
          new Option('--max-regression <percent>', 'by how much B may be worse, in percent')
            .argParser(share)
            .default(0.03, '3%'),
        )
        .addOption(
          new Option(
            '--on-undecided <what>',
            'fail: exit code 4; pass: 0; more: 4, and say how many cycles more',
          )
            .choices(['fail', 'pass', 'more'])
            .default('fail'),
        )
        .option(
          '--allow <fact>',
          'compare although this differs: workload, tokens, scope; repeatable',
          collect,
        )
        .option(
          '--slo <metric=limit>',
          'without B: which experiments keep it, and which of them uses least; repeatable',
          collect,
        )
        .addOption(
          new Option('--format <format>', 'text, or md for a pull request')
            .choices(['text', 'md'])
            .default('text'),
        )
        .option('--references <folder>', 'where references are (default: llem’s data folder)')
        .option('--json', 'print the comparison as JSON')
        .option('-q, --quiet', 'no words beside it')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem compare results/a results/b', 'two results'],
            ['llem compare campaigns/before campaigns/after --max-regression 2%', 'a gate for CI'],
            ['llem compare grid-0d6e4079e3/int8 grid-0d6e4079e3/fp16', 'two experiments of one campaign'],
            ['llem compare a b --metric energy_per_output_token_j --metric ttft_p50_ms', 'both have to hold'],
            ['llem compare campaigns/grid-0d6e4079e3 --slo ttft_p50_ms=200', 'which one to choose'],
            ['llem compare a b --format md >> "$GITHUB_STEP_SUMMARY"', ''],
          ),
        )
        .action(async (a: string, b: string | undefined, options) => {
          const { compare } = await import('./compare.js')
          await compare(a, b, options)
        }),
  },
  {
    name: 'plan-cycles',
    define: (command) =>
      command
        .summary('say how many cycles tell a difference')
        .description(
          'Says how many cycles tell a difference of so much, by how far the cycles so far differ: of two experiments of one campaign, and of two campaigns.',
        )
        .argument('<results>', 'a folder of a campaign, CAMPAIGN/NAME, a folder of results, or a reference')
        .requiredOption('--detect <percent>', 'the difference that is to be told, as in 2%', share)
        .option('--metric <name>', 'in what (default: energy_per_output_token_j)')
        .option('--references <folder>', 'where references are (default: llem’s data folder)')
        .option('--json', 'print it as JSON')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem plan-cycles campaigns/pilot-0d6e4079e3 --detect 2%', ''],
            ['llem plan-cycles pilot --detect 1% --metric ttft_p50_ms --json', 'of a reference'],
          ),
        )
        .action(async (path: string, options) => {
          const { tellCycles } = await import('./plan-cycles.js')
          tellCycles(path, options)
        }),
  },
  {
    name: 'reference',
    define: (command) => {
      command
        .summary('keep what to compare with')
        .description('Results under a name, for `llem compare NAME B`.')
        .addHelpText(
          'after',
          examples(
            ['llem reference save main campaigns/nightly-0d6e4079e3', 'keep it'],
            ['llem compare main campaigns/nightly-5b1f30aa21', 'compare with it'],
            ['llem reference save main CAMPAIGN --dir refs', 'as refs/main.json, to be handed on'],
          ),
        )
      command
        .command('save')
        .summary('keep results under a name')
        .description(
          'Keeps the numbers that a comparison needs, in one file. One of the same name is replaced.',
        )
        .argument('<name>', 'letters, digits and ._-')
        .argument('<path>', 'a folder of a result, of a campaign, or CAMPAIGN/NAME')
        .option(...REFERENCES)
        .option('--json', 'print what was kept as JSON')
        .option('-q, --quiet', 'do not say what was kept')
        .option('-v, --verbose', 'say more: stack traces')
        .action(async (name: string, path: string, options) => {
          const { keepReference } = await import('./reference.js')
          await keepReference(name, path, options)
        })
      command
        .command('list', { isDefault: true })
        .summary('list what is kept (the default)')
        .description('Lists the references that are kept.')
        .option(...REFERENCES)
        .option('--json', 'print them as JSON')
        .option('-v, --verbose', 'say more: stack traces')
        .action(async (options) => {
          const { showReferences } = await import('./reference.js')
          showReferences(options)
        })
      command
        .command('remove')
        .summary('forget one')
        .description('Removes a reference; the results that it was made of stay.')
        .argument('<name>', 'its name')
        .option(...REFERENCES)
        .option('-q, --quiet', 'do not say so')
        .option('-v, --verbose', 'say more: stack traces')
        .action(async (name: string, options) => {
          const { forgetReference } = await import('./reference.js')
          forgetReference(name, options)
        })
    },
  },
]

const REFERENCES = ['--dir <folder>', 'where references are (default: llem’s data folder)'] as const
