import { type Command, InvalidArgumentError } from 'commander'

/** Something to type after `llem`. Its code is imported when it is typed. */
export interface CommandLine {
  name: string
  define(command: Command): void
}

const SIMULATE = [
  '--simulate [scenario.json]',
  'measure a simulated GPU: the built-in one, or the scenario of a file',
] as const

export const COMMANDS: readonly CommandLine[] = [
  {
    name: 'run',
    define: (command) =>
      command
        .summary('measure a model: joules per token')
        .description('Runs a model on prompts and measures what it costs in energy: joules per token.')
        .argument('[config.yaml]', 'the experiment; every key has a default but `model`')
        .option(
          '-m, --model <model>',
          'the model: a GGUF file, or for pytorch an id or folder of Hugging Face',
        )
        .option('-b, --backend <backend>', 'the inference backend (default: llamacpp)')
        .option('-n, --n-prompts <n>', 'how many prompts to measure (default: 100)')
        .option('-o, --output-dir <dir>', 'where the results go (default: results)')
        .option('--set <key=value>', 'set any key of the configuration, repeatable', collect)
        .option(...SIMULATE)
        .option('--dry-run', 'check the configuration and print it, measure nothing')
        .option('--json', 'print the result as JSON')
        .option('-q, --quiet', 'no progress')
        .option('-v, --verbose', 'say more: the worker’s log, stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem run -m model.gguf', '100 built-in prompts on the embedded llama.cpp'],
            ['llem run experiment.yaml --set warmup.max_prompts=20', 'one key changed'],
            ['llem run -m model.gguf --simulate', 'try it without a GPU'],
            ['llem run experiment.yaml --dry-run --json', 'the resolved configuration'],
          ),
        )
        .action(async (config: string | undefined, options, self: Command) => {
          const { run } = await import('./run.js')
          await run(config, options, self)
        }),
  },
  {
    name: 'exec',
    define: (command) =>
      command
        .summary('measure any command')
        .description(
          'Runs a command and measures the energy of the GPUs meanwhile. Exit code and signals pass through.',
        )
        .argument('<command...>', 'the command and its arguments, after --')
        .passThroughOptions()
        .option('--interval-ms <ms>', 'power interval, 1 to 5000', interval, 10)
        .option('--devices <list>', 'GPU indices or UUIDs, separated by commas', deviceList)
        .option('-o, --output-dir <dir>', 'write result.json and timeseries.parquet below this folder')
        .option('--full-rate', 'with -o: write every sample to samples.parquet too')
        .option('--tick-locked', 'read the power only around the ticks of its sensor: fewer driver calls')
        .option(...SIMULATE)
        .option('--json', 'print the result as JSON; what the command prints goes to stderr')
        .option('-q, --quiet', 'print nothing but what the command prints')
        .option('-v, --verbose', 'say more: the sampler’s own cost, stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem exec -- python generate.py', 'joules, mean and peak power per GPU'],
            ['llem exec --devices 0,1 -o results -- ./serve.sh', 'two GPUs, with the 1 Hz time series'],
            ['llem exec --json -- make bench > energy.json', 'for a program to read'],
          ),
        )
        .action(async (args: string[], options) => {
          const { exec } = await import('./exec.js')
          await exec(args, options)
        }),
  },
  {
    name: 'devices',
    define: (command) =>
      command
        .summary('list the GPUs and what each supports')
        .description('Lists the GPUs and what llem can read from each.')
        .option(...SIMULATE)
        .option('--json', 'print them as JSON')
        .option(
          '-v, --verbose',
          'say more: which energy backend can read them, what `llem calibrate` found, stack traces',
        )
        .addHelpText(
          'after',
          examples(
            ['llem devices', ''],
            ['llem devices -v', 'what `energy.backend: auto` would choose, and why'],
            ['llem devices --json', 'for a program to read'],
          ),
        )
        .action(async (options) => {
          const { devices } = await import('./devices.js')
          await devices(options)
        }),
  },
  {
    name: 'monitor',
    define: (command) =>
      command
        .summary('watch the GPUs live')
        .description(
          'Shows power, energy, temperature, clocks and throttling of the GPUs five times a second.',
        )
        .option('--interval-ms <ms>', 'power interval, 1 to 5000', interval, 10)
        .option('--devices <list>', 'GPU indices or UUIDs, separated by commas', deviceList)
        .option('--duration <s>', 'stop after so many seconds (default: at Ctrl-C)', duration)
        .option(...SIMULATE)
        .option('--json', 'print a JSON line at each refresh')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem monitor', ''],
            ['llem monitor --json --duration 10 > power.jsonl', 'ten seconds for a program to read'],
          ),
        )
        .action(async (options) => {
          const { monitor } = await import('./monitor.js')
          await monitor(options)
        }),
  },
  {
    name: 'calibrate',
    define: (command) =>
      command
        .summary('find out what a GPU can measure, and what measuring costs')
        .description(
          'Finds out when the sensor and the energy counter of each GPU publish, over which time a reading is the mean, how long each driver call takes and how short a window may be, and keeps it for later runs. It takes about a minute for each GPU, which should be idle. With --overhead it finds out how much the sampler slows a command down.',
        )
        .argument(
          '[command...]',
          'after --: a load that prints {"t_ns": <CLOCK_MONOTONIC>, "on": true | false} at each edge (default: llem’s own, by PyTorch); with --overhead any command',
        )
        .passThroughOptions()
        .option('--devices <list>', 'GPU indices or UUIDs, separated by commas', deviceList)
        .option('--overhead', 'run the command with the sampler off and at 100, 10 and 2 ms in turns')
        .option('--rounds <n>', 'with --overhead: how often each, 2 to 100', rounds, 5)
        .option(...SIMULATE)
        .option('--json', 'print the result as JSON')
        .option('-q, --quiet', 'no progress')
        .option('-v, --verbose', 'say more: what the command prints, stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem calibrate', 'by a load of llem’s own, which needs PyTorch with CUDA'],
            ['llem calibrate --devices 0 -- ./square-wave', 'by a load of yours'],
            ['llem calibrate --overhead -- python generate.py', 'how much slower it is while it is measured'],
          ),
        )
        .action(async (command: string[], options) => {
          if (options.overhead) {
            const { measureOverhead } = await import('./overhead.js')
            await measureOverhead(command, options)
          } else {
            const { calibrate } = await import('./calibrate.js')
            await calibrate(command, options)
          }
        }),
  },
  {
    name: 'verify',
    define: (command) =>
      command
        .summary('recompute a result from its files')
        .description(
          'Recomputes every joule of a result from its stored samples, and what was divided by tokens. Exit code 1 where something differs.',
        )
        .argument('<dir>', 'the folder of a result')
        .option('--json', 'print what was compared as JSON')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem verify results/20261122-101939-quickstart-91dd3683d4', ''],
            ['llem verify --json results/20261122-101939-quickstart-91dd3683d4', 'for a program to read'],
          ),
        )
        .action(async (dir: string, options) => {
          const { verify } = await import('./verify.js')
          await verify(dir, options)
        }),
  },
  {
    name: 'recover',
    define: (command) =>
      command
        .summary('make the files of a killed run readable')
        .description(
          'Makes timeseries.parquet and samples.parquet from what a killed llem left of them. Exit code 1 where there is nothing.',
        )
        .argument('<dir>', 'the folder of the run')
        .option('--json', 'print what was recovered as JSON')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText('after', examples(['llem recover results/20261122-101939-exec-91dd3683d4', '']))
        .action(async (dir: string, options) => {
          const { recover } = await import('./recover.js')
          await recover(dir, options)
        }),
  },
  {
    name: 'backend',
    define: (command) => {
      command
        .summary('install and list backends')
        .description('Inference backends, which run models, and energy backends, which measure.')
      command
        .command('install')
        .summary('install a backend')
        .description('Installs a pinned version of a backend into llem’s own data folder.')
        .argument('<name>', 'llamacpp, pytorch, zeus, codecarbon')
        .option('--gpu <gpu>', 'what llamacpp or pytorch computes on: auto, cuda, vulkan, none', 'auto')
        .option('-q, --quiet', 'no progress')
        .option('-v, --verbose', 'say more: the package manager’s log, stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem backend install llamacpp', ''],
            ['llem backend install llamacpp --gpu none', 'the small one, for CPUs'],
            ['llem backend install pytorch', 'Hugging Face models; needs Python'],
            ['llem backend install zeus', 'measure with Zeus; needs Python'],
          ),
        )
        .action(async (name: string, options) => {
          const { installBackend } = await import('./backend.js')
          await installBackend(name, options)
        })
      command
        .command('list')
        .summary('list the backends')
        .description(
          'Lists the backends, what is installed of each, and whether the energy backends can read the GPUs here.',
        )
        .option('--json', 'print them as JSON')
        .option('-v, --verbose', 'say more: stack traces')
        .action(async (options) => {
          const { listBackends } = await import('./backend.js')
          await listBackends(options)
        })
    },
  },
]

function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value]
}

function interval(text: string): number {
  const value = Number(text)
  if (!(value >= 1 && value <= 5000))
    throw new InvalidArgumentError('It must be a number from 1 to 5000 (ms).')
  return value
}

function duration(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number of seconds above 0.')
  return value
}

function rounds(text: string): number {
  const value = Number(text)
  if (!(Number.isInteger(value) && value >= 2 && value <= 100))
    throw new InvalidArgumentError('It must be a whole number from 2 to 100.')
  return value
}

function deviceList(text: string): (number | string)[] {
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.includes('')) throw new InvalidArgumentError('It must be indices or UUIDs separated by commas.')
  return entries.map((entry) => (/^\d+$/.test(entry) ? Number(entry) : entry))
}

function examples(...lines: [command: string, meaning: string][]): string {
  const width = Math.max(...lines.map(([command]) => command.length))
  return `\nExamples:\n${lines.map(([command, meaning]) => `  ${command.padEnd(width)}  ${meaning}`.trimEnd()).join('\n')}\n`
}
