// What is typed to run commands over and over: the options of `llem exec` that need --runs.

import { type Command, InvalidArgumentError } from 'commander'
import { LlemError } from '../core/errors.js'
import { collect } from './command-line.js'

/** As commander hands them on. */
export interface RunsOptions {
  runs?: number
  warmup?: number
  parameterList?: string[]
  shell?: string | boolean
  prepare?: string[]
  setup?: string
  cleanup?: string
  ignoreFailure?: boolean
  commandName?: string[]
  showOutput?: boolean
  seed?: number
  exportJson?: string
  exportCsv?: string
  exportMarkdown?: string
}

/** How each is typed, of those that mean nothing without --runs. */
const NEED_RUNS: readonly (readonly [key: keyof RunsOptions, typed: string])[] = [
  ['warmup', '--warmup'],
  ['parameterList', '-L'],
  ['shell', '--shell'],
  ['prepare', '--prepare'],
  ['setup', '--setup'],
  ['cleanup', '--cleanup'],
  ['ignoreFailure', '--ignore-failure'],
  ['commandName', '--command-name'],
  ['showOutput', '--show-output'],
  ['seed', '--seed'],
  ['exportJson', '--export-json'],
  ['exportCsv', '--export-csv'],
  ['exportMarkdown', '--export-markdown'],
]

export const RUNS_EXAMPLES: [command: string, meaning: string][] = [
  ["llem exec --runs 10 -- './a --fast' './b'", 'which of two uses less, and how sure that is'],
  ["llem exec --runs 10 --warmup 2 -L n 1,8 -- './serve -n {n}'", 'one command line at two settings'],
  ["llem exec --runs 5 --export-json runs.json -- './a' './b'", 'in the fields of hyperfine, with joules'],
]

/** Adds them to `llem exec`. */
export function withRunsOptions(command: Command): Command {
  command
    .option('-r, --runs <n>', 'run each command line n times, in turns, and compare them', runs)
    .option('-w, --warmup <n>', 'with --runs: rounds before, which are not measured', warmup)
    .option(
      '-L, --parameter-list <name> <values>',
      'with --runs: each command line once for every value, separated by commas, in the place of {name}; repeatable, for all combinations',
      collect,
    )
    .option(
      '--shell [shell]',
      'with --runs: hand command lines to a shell (default: sh); without it they are split into arguments',
    )
    .option(
      '-p, --prepare <command>',
      'with --runs: run this before each run, not measured; once, or once for each command line',
      collect,
    )
    .option('--setup <command>', 'with --runs: run this once before all')
    .option('--cleanup <command>', 'with --runs: run this once after all, however it ends')
    .option('-i, --ignore-failure', 'with --runs: go on where a command fails, and count its run')
    .option(
      '-n, --command-name <name>',
      'with --runs: what a command line is called, in their order; repeatable',
      collect,
    )
    .option('--show-output', 'with --runs: show what the commands print, on stderr; else it is discarded')
    .option(
      '--seed <n>',
      'with --runs: of the order of the commands, which changes from round to round',
      seed,
    )
    .option('--export-json <file>', 'with --runs: write what --json prints, with the fields of hyperfine')
    .option('--export-csv <file>', 'with --runs: write a row for each command, in the columns of hyperfine')
    .option('--export-markdown <file>', 'with --runs: write a table for a pull request')
  const parse = command.parseOptions.bind(command)
  const flags = new Set(command.options.flatMap(({ short, long }) => [short, long]))
  command.parseOptions = (args) => parse(withPairs(args, (text) => flags.has(text)))
  return command
}

/**
 * `-L name values` as one argument, since commander knows no option that takes two; -L name=values is the same. Values may
 * begin with a dash, as those of a compiler do, but for one that is an option of llem's.
 */
function withPairs(args: readonly string[], isOption: (text: string) => boolean): string[] {
  const end = args.indexOf('--')
  const own = end < 0 ? args.length : end
  const pairs: string[] = []
  for (let at = 0; at < args.length; at++) {
    const [option = '', name, values] = args.slice(at, at + 3)
    const isPair = at < own && (option === '-L' || option === '--parameter-list')
    if (
      isPair &&
      name !== undefined &&
      values !== undefined &&
      at + 2 < own &&
      !name.includes('=') &&
      !isOption(values)
    ) {
      pairs.push(option, `${name}=${values}`)
      at += 2
    } else pairs.push(option)
  }
  return pairs
}

/** Throws USAGE, with all of them, where options of --runs are typed without it. */
export function refuseWithoutRuns(options: RunsOptions): void {
  if (options.runs !== undefined) return
  const typed = NEED_RUNS.flatMap(([key, name]) => (options[key] === undefined ? [] : [name]))
  if (typed.length === 0) return
  throw new LlemError(`${typed.join(', ')} ${typed.length === 1 ? 'needs' : 'need'} --runs`, {
    code: 'USAGE',
    hint: "Add it, and write each command line as one argument, as in `llem exec --runs 10 -- 'sleep 1' 'sleep 2'`.",
    kind: 'usage',
  })
}

const runs = wholeNumber(1, 1000)
const warmup = wholeNumber(0, 1000)
const seed = wholeNumber(0, 0xffffffff)

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}
