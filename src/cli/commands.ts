import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import { type Address, addressOf } from '../metrics/address.js'
import {
  type CommandLine,
  collect,
  deviceList,
  examples,
  interval,
  SIMULATE,
  share,
  withShare,
} from './command-line.js'
import { DECIDING } from './deciding-commands.js'
import { RUNS_EXAMPLES, refuseWithoutRuns, withRunsOptions } from './exec-options.js'
import { SHELLS, type Shell } from './shells.js'
import { WAY_IN } from './way-in-commands.js'

const redfishInterval = secondsWithin(0.1, 60)
const redfishTimeout = secondsWithin(1, 60)

export const COMMANDS: readonly CommandLine[] = [
  {
    name: 'run',
    define: (command) =>
      withShare(command)
        .summary('measure a model: joules per token')
        .description('Runs a model on prompts and measures what it costs in energy: joules per token.')
        .argument('[config.yaml]', 'the experiment; every key has a default but `model`')
        .option(
          '-m, --model <model>',
          'the model: a GGUF file, hf:OWNER/REPO:QUANT, ollama:NAME, a folder or id of Hugging Face, or a name that the server knows',
        )
        .option(
          '-b, --backend <backend>',
          'the inference backend: llamacpp (default), pytorch, vllm, tensorrt, sglang, tgi, llama-server, ollama, lmstudio, server',
        )
        .option('-n, --n-prompts <n>', 'how many prompts to measure (default: 100)')
        .option('-o, --output-dir <dir>', 'where the results go (default: results)')
        .option('--set <key=value>', 'set any key of the configuration, repeatable', collect)
        .option(...SIMULATE)
        .option('--dry-run', 'check the configuration and print it, measure nothing')
        .option(
          '--validate-only',
          'look whether all that it needs is there (backend, model, server, GPUs, memory, disk, prompts), measure nothing',
        )
        .option('--require-energy', 'exit with code 1 where there is no energy in the end')
        .option('--json', 'print the result as JSON')
        .option('-q, --quiet', 'no progress')
        .option('-v, --verbose', 'say more: the worker’s log, stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem run -m model.gguf', '100 built-in prompts on the embedded llama.cpp'],
            ['llem run -m hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M', 'a model of the Hugging Face hub'],
            ['llem run -m llama3.2 -b ollama', 'the server of Ollama on this machine, under load'],
            ['llem run experiment.yaml --set warmup.max_prompts=20', 'one key changed'],
            ['llem run -m model.gguf --simulate', 'try it without a GPU'],
            ['llem run experiment.yaml --dry-run --json', 'the resolved configuration'],
            ['llem run experiment.yaml --validate-only', 'could it run here and now?'],
          ),
        )
        .action(async (config: string | undefined, options, self: Command) => {
          const { run } = await import('./run.js')
          await run(config, options, self)
        }),
  },
  {
    name: 'campaign',
    define: (command) => {
      withShare(command)
        .summary('measure a grid of experiments, over and over')
        .description(
          'Runs every experiment of a campaign for as many cycles as it says, each in a process of its own. What is completed is never run again: run it once more to go on where it ended.',
        )
        .argument('<campaign.yaml>', 'the campaign')
        .option('--resume', 'go on with this campaign; refuse one that has changed')
        .option('--no-resume', 'begin anew, in another folder')
        .option('--force-cold-start', 'load the model anew for each run')
        .option('--no-force-cold-start', 'keep the model where the next experiment has the same')
        .option(
          '--validate-only',
          'check the campaign, and of each experiment whether all that it needs is there, and do nothing',
        )
        .option('--dry-run', 'show the order, the gaps and an estimate, and do nothing')
        .option('--cycles <n>', 'how often every experiment is run, 1 to 1000', cycles)
        .option(
          '--until-ci <percent>',
          'end once each interval of J/output token reaches no further to either side, after 5 cycles at least and --cycles (100) at most',
          share,
        )
        .option('--max-kwh <kWh>', 'pause before the runs take more than that', energy)
        .addOption(
          new Option('--order <structure>', 'the order of the runs').choices([
            'interleaved',
            'shuffled',
            'latin_square',
            'grouped',
          ]),
        )
        .addOption(
          new Option(
            '--executor <where>',
            'local: this machine; slurm: a task in the queue of a Slurm cluster for each run, as `slurm` in the file says',
          )
            .choices(['local', 'slurm'])
            .default('local'),
        )
        .option('--daemon', 'run it in rounds, as `daemon` in the file says')
        .option('--no-daemon', 'run it once, whatever the file says')
        .option('--retry-failed', 'once all have run, run those that failed once more')
        .option('--require-energy', 'exit with code 1 where a completed run has no energy')
        .option(...SIMULATE)
        .option('--json', 'print the manifest as JSON; with --dry-run or --validate-only the plan')
        .option('-q, --quiet', 'no progress')
        .option('-y, --yes', 'do not ask before it runs')
        .option('-v, --verbose', 'say more: the workers’ logs, stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem campaign grid.yaml --dry-run', 'what would be run, in which order, how long'],
            ['llem campaign grid.yaml --cycles 5 --yes', ''],
            ['llem campaign grid.yaml --until-ci 2% --max-kwh 1', 'as many cycles as it takes'],
            ['llem campaign nightly.yaml --daemon', 'over and over, until SIGTERM or Ctrl-C'],
            ['llem campaign grid.yaml --executor slurm --dry-run', 'the scripts for sbatch'],
            ['llem campaign grid.yaml --executor slurm', 'submit what is missing'],
            ['llem campaign status results/grid-0d6e4079e3', 'how far it is'],
          ),
        )
        .action(async (path: string, options) => {
          const { campaign } = await import('./campaign.js')
          await campaign(path, options)
        })
      command
        .command('status')
        .summary('say how far a campaign is')
        .description('Counts the runs of a campaign by their status, and compares what is completed.')
        .argument('<dir>', 'the folder of the campaign')
        .option('--json', 'print the manifest as JSON')
        .option('-v, --verbose', 'say more: stack traces')
        .action(async (dir: string, options) => {
          const { campaignStatus } = await import('./campaign.js')
          await campaignStatus(dir, options)
        })
      command
        .command('wait')
        .summary('wait until nothing of a campaign is in the queue of Slurm')
        .description(
          'Waits until every task of a campaign on Slurm has ended, and tells how far the campaign is. Ctrl-C ends the waiting alone.',
        )
        .argument('<dir>', 'the folder of the campaign')
        .option('--json', 'print the manifest as JSON')
        .option('-q, --quiet', 'no progress')
        .option('-v, --verbose', 'say more: stack traces')
        .action(async (dir: string, options) => {
          const { campaignWait } = await import('./slurm.js')
          await campaignWait(dir, options)
        })
      command
        .command('cancel')
        .summary('end what of a campaign is in the queue of Slurm')
        .description('Ends every task of a campaign on Slurm that waits or runs. What is completed is kept.')
        .argument('<dir>', 'the folder of the campaign')
        .option('-v, --verbose', 'say more: stack traces')
        .action(async (dir: string) => {
          const { campaignCancel } = await import('./slurm.js')
          await campaignCancel(dir)
        })
      // What the scripts of --executor slurm call.
      command
        .command('task', { hidden: true })
        .summary('do the runs of a task of Slurm')
        .argument('<dir>', 'the folder of the campaign')
        .argument('<file>', 'the file with the runs of its array')
        .action(async (dir: string, file: string) => {
          const { campaignTask } = await import('./slurm.js')
          await campaignTask(dir, file)
        })
      command
        .command('init')
        .summary('write an example of a campaign')
        .description(
          'Writes an example of a campaign, with --slurm of one for a Slurm cluster, or with --docker of the compose file beside it; never over a file that is there.',
        )
        .argument('[file]', 'where to (default: campaign.yaml, with --docker compose.yaml)')
        .addOption(
          new Option('--docker', 'a compose file with services for vLLM, TensorRT-LLM and PyTorch').conflicts(
            'slurm',
          ),
        )
        .option('--slurm', 'a campaign with the keys of a Slurm cluster')
        .option('-v, --verbose', 'say more: stack traces')
        .action(async (file: string | undefined, options) => {
          const { campaignInit } = await import('./campaign-init.js')
          campaignInit(file, options)
        })
    },
  },
  {
    name: 'import',
    define: (command) =>
      command
        .summary('read files of other tools')
        .description(
          'Writes configuration files of the Python tool and command lines of `vllm bench serve` as files of llem, with a comment at each key on how it was read and, at the end, what has no counterpart. `llem run` and `llem campaign` take such files directly, too. Never over a file that is there.',
        )
        .argument('<files...>', 'YAML of the Python tool, or text files with command lines')
        .option(
          '-o, --output <dir>',
          'the folder that gets a file for each (default: one alone goes to stdout)',
        )
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem import study.yaml', 'what it becomes'],
            ['llem import configs/*.yaml -o llem', 'a folder of them'],
            ['llem run study.yaml --dry-run', 'take it as it is'],
          ),
        )
        .action(async (files: string[], options) => {
          const { importFiles } = await import('./import.js')
          importFiles(files, options)
        }),
  },
  {
    name: 'exec',
    define: (command) =>
      withRunsOptions(
        withShare(command)
          .summary('measure any command')
          .description(
            'Runs a command and measures the energy of the GPUs meanwhile. Exit code and signals pass through; where nothing can be measured, the command runs all the same, unless GPUs are named that cannot be had. With --runs each argument after -- is a whole command line: they are run over and over in turns, and compared.',
          )
          .argument(
            '<command...>',
            'after --: the command and its arguments; with --runs command lines, each as one argument',
          )
          .passThroughOptions()
          .option('--interval-ms <ms>', 'power interval, 1 to 5000', interval, 10)
          .option('--devices <list>', 'GPU indices or UUIDs, separated by commas', deviceList)
          .option(
            '-o, --output-dir <dir>',
            'write result.json, timeseries.parquet and samples.parquet below this folder',
          )
          .option('--full-rate', 'with -o: keep samples.parquet, as is done anyway')
          .option('--no-full-rate', 'with -o: write no samples.parquet, so that nothing can be recomputed')
          .option('--require-energy', 'exit with code 1 where there is no energy in the end')
          .option('--tick-locked', 'read the power only around the ticks of its sensor: fewer driver calls')
          .option(
            '--external <[scope=]command>',
            'read a meter outside of the GPUs too: a command line that prints {"t_ns": ..., "w": ...} lines, of the node, or after wall= or module= of these; once for each',
            collect,
          )
          .option(...SIMULATE)
          .option('--json', 'print the result as JSON; what the command prints goes to stderr')
          .option('-q, --quiet', 'print nothing but what the command prints')
          .option('-v, --verbose', 'say more: the sampler’s own cost, stack traces'),
      )
        .addHelpText(
          'after',
          examples(
            ['llem exec -- python generate.py', 'joules, mean and peak power per GPU'],
            ['llem exec --devices 0,1 -o results -- ./serve.sh', 'two GPUs, with the 1 Hz time series'],
            ['llem exec --json -- make bench > energy.json', 'for a program to read'],
            ['llem exec --external ./node-meter -- make bench', 'with the energy of the node'],
            ...RUNS_EXAMPLES,
          ),
        )
        .action(async (args: string[], options) => {
          refuseWithoutRuns(options)
          if (options.runs !== undefined) {
            const { execRuns } = await import('./exec-runs.js')
            return execRuns(args, options)
          }
          const { exec } = await import('./exec.js')
          await exec(args, options)
        }),
  },
  ...WAY_IN,
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
    name: 'servers',
    define: (command) =>
      command
        .summary('list the inference servers that answer here')
        .description(
          'Lists the inference servers that answer at their usual ports on this machine, or at the addresses that are named, with their engine and models.',
        )
        .argument('[url...]', 'ports or addresses to look at, as 8001 or http://node7:8000', serverUrl)
        .option('--json', 'print them as JSON')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(['llem servers', ''], ['llem servers 8001 http://node7:8000', 'other places']),
        )
        .action(async (urls: string[] | undefined, options) => {
          const { servers } = await import('./servers.js')
          await servers(urls ?? [], options)
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
        .addOption(
          new Option(
            '--listen <address>',
            'draw nothing, and serve the metrics to Prometheus at host:port, as 127.0.0.1:9911',
          )
            .argParser(listenAddress)
            .conflicts('json'),
        )
        .option('--json', 'print a JSON line at each refresh')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem monitor', ''],
            ['llem monitor --listen 127.0.0.1:9911', 'for Prometheus: http://127.0.0.1:9911/metrics'],
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
          'Finds out when the sensor and the energy counter of each GPU publish, over which time a reading is the mean, what the counter counts, how late both are, how long each driver call takes and how short a window may be, and keeps it for later runs. It takes about a minute for each GPU, which should be idle. With --reference it measures beside an external meter, and keeps the gain of the board. With --overhead it finds out how much the sampler slows a command down.',
        )
        .argument(
          '[command...]',
          'after --: a load that prints {"t_ns": <CLOCK_MONOTONIC>, "on": true | false} at each edge (default: llem’s own, by PyTorch); with --overhead any command',
        )
        .passThroughOptions()
        .option('--devices <list>', 'GPU indices or UUIDs, separated by commas', deviceList)
        .option(
          '--reference <file>',
          'readings of an external meter, which writes them meanwhile: CSV with a header time,watts or time,joules; times as seconds since 1970 or ISO 8601',
        )
        .addOption(
          new Option(
            '--reference-scope <what>',
            'what the meter measures; of a node or at the wall it tells a slope only (default: "# scope: ..." in the file)',
          ).choices(['board', 'node', 'wall']),
        )
        .option(
          '--reference-uncertainty <percent>',
          'its standard uncertainty, k = 1 (default: "# standard_uncertainty_pct: ..." in the file)',
          percent,
        )
        .option(
          '--reference-certificate <text>',
          'its certificate (default: "# certificate: ..." in the file)',
        )
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
            ['llem calibrate --devices 0 --reference meter.csv', 'beside an external meter'],
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
    name: 'meter',
    define: (command) => {
      command
        .summary('read a meter outside of the GPUs')
        .description(
          'Meters for `energy.external` and `llem exec --external`: each prints a JSON line for every reading until it is ended.',
        )
      command
        .command('node')
        .summary('measure the GPUs of one node of an experiment')
        .description(
          'The meter of one node, for `energy.nodes`: `llem run` starts it there. The first task of a node measures, all others end at once. It reads the GPUs until the experiment ends it, its connection closes, or at Ctrl-C or SIGTERM, and leaves its readings in the shared folder.',
        )
        .requiredOption('--dir <dir>', 'the folder of the experiment that all nodes share')
        .option('--devices <list>', 'GPU indices or UUIDs, separated by commas', deviceList)
        .option(...SIMULATE)
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples([
            'srun --overlap --ntasks-per-node=1 llem meter node --dir results/.nodes-1f00',
            'what energy.nodes runs in a Slurm job',
          ]),
        )
        .action(async (options) => {
          const { meterOfNode } = await import('./meter-node.js')
          await meterOfNode(options)
        })
      command
        .command('redfish')
        .summary('read the power of a machine from its BMC')
        .description(
          'Prints the power, or else the energy counter, of a chassis by Redfish, as one JSON line for each reading. The login is in LLEM_REDFISH_USER and LLEM_REDFISH_PASSWORD, or a session token in LLEM_REDFISH_TOKEN; there is no option for it, as everybody can read options. Ends at Ctrl-C, SIGTERM or the end of a stdin that is a pipe, and logs out.',
        )
        .requiredOption('--url <url>', 'where the BMC is, as in https://192.0.2.1')
        .option(
          '--chassis <id>',
          'of which chassis (default: the first one that is a machine and shows its power)',
        )
        .option('--interval <s>', 'time between two questions, 0.1 to 60 seconds', redfishInterval, 1)
        .option('--timeout <s>', 'how long one answer may take, 1 to 60 seconds', redfishTimeout, 15)
        .option('--ca <file>', 'the certificate that the BMC’s own is signed with, as PEM')
        .option('--insecure', 'do not check the certificate: whoever is on the way can read the login')
        .option('--no-session', 'send the login with each question instead of opening a session')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem meter redfish --url https://192.0.2.1 --ca bmc.pem', 'try it: one line a reading'],
            [
              "llem exec --external 'llem meter redfish --url https://192.0.2.1' -- make bench",
              'beside the GPUs',
            ],
          ),
        )
        .action(async (options) => {
          const { meterRedfish } = await import('./meter-redfish.js')
          await meterRedfish(options)
        })
    },
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
    name: 'show',
    define: (command) =>
      command
        .summary('print a result')
        .description(
          'Prints the result in a folder as `llem run` or `llem exec` did, whichever version wrote it, or what is left of a run that did not end well.',
        )
        .argument('<dir>', 'the folder of a run')
        .option('--json', 'print it as JSON, in the words of this version')
        .option('-v, --verbose', 'say more: the sampler’s own cost, stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem show results/20261122-101939-quickstart-91dd3683d4', ''],
            ['llem show --json results/20261122-101939-quickstart-91dd3683d4', 'for a program to read'],
          ),
        )
        .action(async (dir: string, options) => {
          const { show } = await import('./show.js')
          show(dir, options)
        }),
  },
  {
    name: 'export',
    define: (command) =>
      command
        .summary('put results into one table')
        .description(
          'Writes a table with a row for each result.json below the folders. docs/export-columns.md has the columns. Exit code 1 where one could not be read; the others are written.',
        )
        .argument('<dirs...>', 'folders with results in them or below them')
        .option(
          '--format <format>',
          'csv, jsonl, parquet, or prom for Prometheus (default: by the ending of -o, else csv)',
        )
        .option('-o, --output <file>', 'where the table goes (default: stdout)')
        .option('-q, --quiet', 'do not say how many there were')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem export results > results.csv', ''],
            ['llem export results other/results -o all.parquet', 'for pandas, DuckDB, R'],
            ['llem export --format jsonl results', 'a JSON object a line'],
            ['llem export results -o llem.prom', 'for the textfile collector of Prometheus'],
          ),
        )
        .action(async (dirs: string[], options) => {
          const { exportResults } = await import('./export.js')
          await exportResults(dirs, options)
        }),
  },
  ...DECIDING,
  {
    name: 'report',
    define: (command) =>
      command
        .summary('make a page of results')
        .description(
          'Makes one HTML file of all results below the folders that needs nothing else: what to quote and how sure it is, all configurations, what energy is traded for, each run over time, how to reproduce it. Or Markdown, for a pull request. Exit code 1 where a result could not be read; the others are in it.',
        )
        .argument('<dirs...>', 'folders with results in them or below them, such as that of a campaign')
        .option('--format <format>', 'html or md (default: by the ending of -o, else html)')
        .option('-o, --output <file>', 'where the report goes (default: stdout)')
        .option(
          '--reference-points <file>',
          'points of public tables to show beside them, as measured by another method: CSV or JSON with name, energy_per_output_token_j, output_tokens_per_s, ttft_p50_ms, source',
        )
        .option(
          '--slo <metric=limit>',
          'a limit to draw and to say who keeps it: of output_tokens_per_second, ttft_p50_ms, itl_p50_ms; repeatable',
          collect,
        )
        .option('-q, --quiet', 'do not say how many there were')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem report results -o report.html', ''],
            ['llem report campaigns/grid-0d6e4079e3 -o grid.html --slo ttft_p50_ms=200', 'of a campaign'],
            ['llem report results --format md', 'for a pull request'],
          ),
        )
        .action(async (dirs: string[], options) => {
          const { report } = await import('./report.js')
          await report(dirs, options)
        }),
  },
  {
    name: 'schema',
    define: (command) =>
      command
        .summary('print a JSON Schema')
        .description('Prints the JSON Schema of a configuration or of a result.')
        .argument(
          '<name>',
          'experiment: what `llem run` reads; campaign: what `llem campaign` reads; result: the result.json',
        )
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem schema experiment > experiment.schema.json', 'for an editor'],
            ['llem schema result', 'for whoever reads result.json'],
          ),
        )
        .action(async (name: string) => {
          const { schema } = await import('./schema.js')
          schema(name)
        }),
  },
  {
    name: 'completion',
    define: (command) =>
      command
        .summary('complete commands and options in a shell')
        .description('Prints a script with which a shell completes the commands and options of llem.')
        .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
        .addHelpText(
          'after',
          examples(
            ['source <(llem completion bash)', 'in ~/.bashrc; zsh alike, after compinit'],
            ['llem completion fish > ~/.config/fish/completions/llem.fish', ''],
          ),
        )
        .action(async (shell: Shell, _options, { parent }: Command) => {
          const { completion } = await import('./completion.js')
          if (parent !== null) completion(parent, shell)
        }),
  },
  {
    name: 'explain',
    define: (command) =>
      command
        .summary('explain a finding or an error')
        .description('Says what a code in a result or in a message means, what it rests on and what to do.')
        .argument('[code]', 'e.g. estimators_disagree or SERVER_NOT_READY (default: list all)')
        .option('--json', 'print it as JSON')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(['llem explain estimators_disagree', ''], ['llem explain', 'all of them']),
        )
        .action(async (code: string | undefined, options) => {
          const { explain } = await import('./explain.js')
          explain(code, options)
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
    name: 'baseline',
    define: (command) => {
      command
        .summary('see, measure or forget idle power')
        .description(
          'The idle power of the GPUs, which `llem run` measures before it loads the model and keeps for an hour.',
        )
        .addHelpText(
          'after',
          examples(
            ['llem baseline', 'what is kept, and whether it is still valid'],
            ['llem baseline measure --duration 60', 'a longer one, for the runs of the next hour'],
            ['llem baseline clear', 'let the next run measure it'],
          ),
        )
      command
        .command('show', { isDefault: true })
        .summary('show what is kept (the default)')
        .description(
          'Shows the idle power that is kept for each GPU, driver and power limit, and whether `llem run` would still use it.',
        )
        .allowExcessArguments()
        .option(...SIMULATE)
        .option('--json', 'print it as JSON')
        .option('-v, --verbose', 'say more: stack traces')
        .action(async (options, self: Command) => {
          const { showBaselines } = await import('./baseline.js')
          await showBaselines(options, self.args)
        })
      command
        .command('measure')
        .summary('measure it anew')
        .description(
          'Measures the idle power of the GPUs and keeps it for later runs. Exit code 1 where something computed meanwhile or the power drifted; that is not kept.',
        )
        .option('--devices <list>', 'GPU indices or UUIDs, separated by commas', deviceList)
        .option('--duration <s>', 'how long, 5 to 120 seconds (default: 30)', baselineDuration)
        .option(...SIMULATE)
        .option('--json', 'print it as JSON')
        .option('-q, --quiet', 'no progress')
        .option('-v, --verbose', 'say more: stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem baseline measure', ''],
            ['llem baseline measure --devices 0 --duration 60 --json', 'for a program to read'],
          ),
        )
        .action(async (options) => {
          const { measureBaseline } = await import('./baseline.js')
          await measureBaseline(options)
        })
      command
        .command('clear')
        .summary('forget what is kept')
        .description('Removes every baseline that is kept, so that the next run measures its own.')
        .option('-q, --quiet', 'do not say how many there were')
        .option('-v, --verbose', 'say more: stack traces')
        .action(async (options) => {
          const { forgetBaselines } = await import('./baseline.js')
          await forgetBaselines(options)
        })
    },
  },
  {
    name: 'idle',
    define: (command) =>
      command
        .summary('measure what a model draws while it does nothing')
        .description(
          'Measures the power of the GPUs without the model, with a CUDA context alone, with the model in memory and after it was unloaded, what loading it costs, and from which pause on unloading pays. No prompt runs. Takes about a minute and the time to load. Exit code 1 where a level that this needs drifted or could not be had.',
        )
        .argument(
          '<model>',
          'a GGUF file, hf:OWNER/REPO:QUANT, ollama:NAME, or a folder or id of Hugging Face',
        )
        .option(
          '-b, --backend <backend>',
          'the inference backend: llamacpp (default), pytorch, vllm, tensorrt, sglang, tgi, llama-server, ollama, lmstudio, server',
        )
        .option('--set <key=value>', 'set any key of an experiment’s configuration, repeatable', collect)
        .option(
          '--duration <s>',
          'how long each level has to be flat, 5 to 120 seconds (default: 10)',
          baselineDuration,
        )
        .option(...SIMULATE)
        .option('--json', 'print it as JSON')
        .option('-q, --quiet', 'no progress')
        .option('-v, --verbose', 'say more: the worker’s log, stack traces')
        .addHelpText(
          'after',
          examples(
            ['llem idle model.gguf', 'bare, context, loaded and unloaded, and the break-even pause'],
            ['llem idle Qwen/Qwen3-0.6B -b pytorch --duration 30', 'longer levels of another backend'],
            ['llem idle model.gguf --simulate idle-model --duration 5 --json', 'try it without a GPU'],
          ),
        )
        .action(async (model: string, options) => {
          const { idle } = await import('./idle.js')
          await idle(model, options)
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
        .argument(
          '<name>',
          'llamacpp, pytorch, zeus, codecarbon; of vllm, tensorrt and server it says how to get them',
        )
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

function secondsWithin(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text.trim().replace(/s$/, ''))
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most} (s).`)
  }
}

function serverUrl(text: string, before: string[] | undefined): string[] {
  const url = /^\d{1,5}$/.test(text) ? `http://127.0.0.1:${text}` : text
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new InvalidArgumentError('It must be a port or an address, as 8001 or http://node7:8000.')
  return [...(before ?? []), url]
}

function listenAddress(text: string): Address {
  const address = addressOf(text)
  if (address !== null) return address
  throw new InvalidArgumentError('It must be host:port, as 127.0.0.1:9911, [::1]:9911 or :9911.')
}

function duration(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number of seconds above 0.')
  return value
}

function baselineDuration(text: string): number {
  const value = Number(text)
  if (!(value >= 5 && value <= 120)) throw new InvalidArgumentError('It must be a number from 5 to 120 (s).')
  return value
}

function cycles(text: string): number {
  const value = Number(text)
  if (!(Number.isInteger(value) && value >= 1 && value <= 1000))
    throw new InvalidArgumentError('It must be a whole number from 1 to 1000.')
  return value
}

function energy(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value < 1e6)) throw new InvalidArgumentError('It must be a number of kWh above 0.')
  return value
}

function percent(text: string): number {
  const number = text.trim() === '' ? Number.NaN : Number(text)
  if (number > 0 && number < 100) return number
  throw new InvalidArgumentError('It is a number between 0 and 100.')
}

function rounds(text: string): number {
  const value = Number(text)
  if (!(Number.isInteger(value) && value >= 2 && value <= 100))
    throw new InvalidArgumentError('It must be a whole number from 2 to 100.')
  return value
}
